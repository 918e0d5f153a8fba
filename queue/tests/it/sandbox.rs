//! A sandbox that forbids to set the set-user-id and set-group-id bits, as `RestrictSUIDSGID` of systemd does: a real filter of
//! the kernel, for one thread and the processes that it starts.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Runs in a thread of its own, in which no mode may have such a bit. A filter never leaves a thread.
pub(crate) fn without_set_id_bits<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        seccompiler::apply_filter(&filter()).unwrap();
        run()
    };
    std::thread::scope(|scope| scope.spawn(inside).join()).unwrap()
}

fn filter() -> BpfProgram {
    // By system call, which of its arguments is the mode.
    let mut modes =
        vec![(libc::SYS_mkdirat, 2), (libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (libc::SYS_fchmodat2, 2)];
    #[cfg(target_arch = "x86_64")]
    modes.extend([(libc::SYS_mkdir, 1), (libc::SYS_chmod, 1)]);
    let has_bit = |argument, bit: u32| {
        let equals = SeccompCmpOp::MaskedEq(u64::from(bit));
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, equals, u64::from(bit)).unwrap();
        SeccompRule::new(vec![condition]).unwrap()
    };
    let rules =
        modes.into_iter().map(|(call, mode)| (call, vec![has_bit(mode, libc::S_ISUID), has_bit(mode, libc::S_ISGID)]));
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let rules: BTreeMap<_, _> = rules.collect();
    SeccompFilter::new(rules, SeccompAction::Allow, refused, std::env::consts::ARCH.try_into().unwrap())
        .and_then(TryInto::try_into)
        .unwrap()
}
