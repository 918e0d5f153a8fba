//! Seccomp filters, in which a process is started: what systemd's sandbox forbids, what an older kernel does not know.

use rustix::fs::AtFlags;
use rustix::io::Errno;
pub use seccompiler::BpfProgram;
use seccompiler::{SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};

/// A system call, which of its arguments is looked at, and the bit that must be set there.
pub type Forbidden = (i64, u8, u64);

/// What `RestrictSUIDSGID=yes` in a unit forbids: to set the set-user-id or the set-group-id bit.
pub fn without_setgid() -> BpfProgram {
    const MODES: [(i64, u8); 5] = [
        (libc::SYS_mkdirat, 2),
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        (libc::SYS_mknodat, 2),
        (libc::SYS_fchmodat2, 2),
    ];
    #[cfg(target_arch = "x86_64")]
    const OLD_MODES: &[(i64, u8)] = &[(libc::SYS_mkdir, 1), (libc::SYS_chmod, 1), (libc::SYS_mknod, 1)];
    #[cfg(not(target_arch = "x86_64"))]
    const OLD_MODES: &[(i64, u8)] = &[];
    let calls = MODES.iter().chain(OLD_MODES);
    let forbidden: Vec<Forbidden> =
        calls.flat_map(|&(call, argument)| [(call, argument, 0o4000), (call, argument, 0o2000)]).collect();
    filter(&forbidden, Errno::PERM)
}

/// Before 6.10, Linux let only privileged processes name a file by its descriptor: ENOENT was the answer to others.
pub fn without_naming_by_descriptor() -> BpfProgram {
    filter(&[(libc::SYS_linkat, 4, u64::from(AtFlags::EMPTY_PATH.bits()))], Errno::NOENT)
}

/// The same, and the file system cannot rename without replacing or make links, as many network file systems.
pub fn with_plain_rename_only() -> BpfProgram {
    filter(&[(libc::SYS_linkat, 4, 0), (libc::SYS_renameat2, 4, 1)], Errno::INVAL)
}

/// Refuses calls with an answer.
pub fn filter(forbidden: &[Forbidden], answer: Errno) -> BpfProgram {
    let mut rules = std::collections::BTreeMap::<i64, Vec<SeccompRule>>::new();
    for &(call, argument, bit) in forbidden {
        let condition =
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bit), bit).unwrap();
        rules.entry(call).or_default().push(SeccompRule::new(vec![condition]).unwrap());
    }
    let answer = SeccompAction::Errno(answer.raw_os_error() as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).unwrap().try_into().unwrap()
}

/// Runs under a filter, in a thread of its own. What that starts is under it as well.
pub fn run_under<T: Send>(filter: BpfProgram, run: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        seccompiler::apply_filter(&filter).unwrap();
        run()
    };
    std::thread::scope(|scope| scope.spawn(inside).join()).unwrap()
}
