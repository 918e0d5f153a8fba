//! The soft limit of open files. It is raised while a server runs; every process that the script starts gets the limit
//! of before, since the usual 1,024 is for programs that use `select()`.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::descriptors::FD_SETSIZE;
use crate::hook::Hook;
use crate::process::Process;

/// Descriptors that a script and the server need in addition to one for each client.
const DESCRIPTORS_BESIDE_CLIENTS: u64 = FD_SETSIZE as u64 + 256;

/// The limit before it was raised; 0 if it was not.
static ORIGINAL: AtomicU64 = AtomicU64::new(0);
static RAISED: AtomicU64 = AtomicU64::new(0);
/// Servers that need the raised limit, and running calls that must not have it.
static SERVERS: AtomicUsize = AtomicUsize::new(0);
static SPAWNING: AtomicUsize = AtomicUsize::new(0);

/// The functions that start a process. `pcntl_fork()` is handled by [`restore_in_child`].
static HOOKS: [Hook; 9] = [
    Hook::new("proc_open", spawn::<0>),
    Hook::new("popen", spawn::<1>),
    Hook::new("exec", spawn::<2>),
    Hook::new("shell_exec", spawn::<3>),
    Hook::new("system", spawn::<4>),
    Hook::new("passthru", spawn::<5>),
    Hook::new("pcntl_exec", spawn::<6>),
    Hook::new("mail", spawn::<7>),
    Hook::new("mb_send_mail", spawn::<8>),
];

/// Replaces what the functions run. Called when PHP loads the library.
pub(crate) fn install() {
    HOOKS.iter().for_each(Hook::install);
}

/// Undoes [`install`] before the library is unloaded.
pub(crate) fn uninstall() {
    HOOKS.iter().for_each(Hook::uninstall);
}

/// A server needs the raised limit, until this is dropped.
pub(crate) struct Raised(Process);

impl Raised {
    /// Without the raised limit fewer clients can be connected at once; further ones wait to be accepted.
    pub(crate) fn for_clients(max_connections: u64) -> Raised {
        let limit = getrlimit(Resource::Nofile);
        let wanted = max_connections.saturating_add(DESCRIPTORS_BESIDE_CLIENTS);
        let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        if let Some(current) = limit.current.filter(|current| *current < reachable) {
            if SERVERS.load(Ordering::Relaxed) == 0 {
                ORIGINAL.store(current, Ordering::Relaxed);
            }
            RAISED.store(reachable, Ordering::Relaxed);
            set(current, reachable);
        }
        SERVERS.fetch_add(1, Ordering::Relaxed);
        Raised(Process::this())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if !self.0.was_forked() && SERVERS.fetch_sub(1, Ordering::Relaxed) == 1 {
            lower();
        }
    }
}

/// A fork serves no clients, and may become another program. Called in the child, before anything else runs there.
pub(crate) fn restore_in_child() {
    SERVERS.store(0, Ordering::Relaxed);
    SPAWNING.store(0, Ordering::Relaxed);
    lower();
}

/// Runs a function that starts a process, with the limit lowered. The server continues: descriptors above the limit
/// stay open, and new clients get numbers below it.
unsafe extern "C" fn spawn<const INDEX: usize>(call: *mut ExecuteData, returned: *mut Zval) {
    if SERVERS.load(Ordering::Relaxed) == 0 {
        HOOKS[INDEX].run_original(call, returned);
        return;
    }
    if SPAWNING.fetch_add(1, Ordering::Relaxed) == 0 {
        lower();
    }
    // If it does not return, the script has ended.
    HOOKS[INDEX].run_original(call, returned);
    if SPAWNING.fetch_sub(1, Ordering::Relaxed) == 1 && SERVERS.load(Ordering::Relaxed) > 0 {
        set(ORIGINAL.load(Ordering::Relaxed), RAISED.load(Ordering::Relaxed));
    }
}

fn lower() {
    set(RAISED.load(Ordering::Relaxed), ORIGINAL.load(Ordering::Relaxed));
}

/// Changes the limit, unless it was not raised or the script has set another one.
fn set(from: u64, to: u64) {
    let limit = getrlimit(Resource::Nofile);
    if to > 0 && limit.current == Some(from) {
        // It cannot fail: the value is between the limit of before and the hard limit.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(to), maximum: limit.maximum });
    }
}
