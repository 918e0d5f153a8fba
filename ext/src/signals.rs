//! Signals on PHP's thread, and its sleep. What the engine does for signals between two instructions is done here while
//! the event loop waits.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ext_php_rs::ffi::{
    ext_php_rs_executor_globals, zend_call_known_function, zend_function, zend_hash_str_find_ptr_lc,
};
use ext_php_rs::types::Zval;

use crate::fiber::Methods;

/// The signals that were blocked before.
pub(crate) struct Mask(libc::sigset_t);

/// Why a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The descriptor is readable, or the time is over.
    Awake,
    /// A signal was handled.
    Interrupted,
}

/// Blocks all signals on this thread.
pub(crate) fn block() -> Mask {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are filled by the calls; neither can fail with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        Mask(before.assume_init())
    }
}

/// Undoes [`block`].
pub(crate) fn unblock(mask: &Mask) {
    // SAFETY: the set was filled by `block`.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask.0, ptr::null_mut()) };
}

/// Sleeps until the descriptor is readable, the time is over or a signal arrives that `mask` lets through. A signal
/// that arrived since [`block`] ends it at once.
pub(crate) fn sleep(descriptor: BorrowedFd<'_>, timeout: Option<Duration>, mask: &Mask) -> Woken {
    let mut polled = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: one descriptor that stays open, and pointers that live during the call.
    let count = unsafe { libc::ppoll(&raw mut polled, 1, timeout, &raw const mask.0) };
    if count < 0 { Woken::Interrupted } else { Woken::Awake }
}

/// Lets the engine do what it does between two instructions: it checks the time limit, and calls signal handlers when
/// `pcntl_async_signals()` is on. They may leave an exception, and the time limit does not return.
pub(crate) fn handle_interrupt(methods: &Methods) {
    if is_interrupted() {
        // The engine checks for interrupts after each function that it calls.
        methods.call_nothing();
    }
}

/// Whether [`handle_interrupt`] has something to do.
pub(crate) fn is_interrupted() -> bool {
    // SAFETY: the globals of this thread; a C `atomic_bool` is the same as an `AtomicBool`.
    unsafe {
        AtomicBool::from_ptr((&raw mut (*ext_php_rs_executor_globals()).vm_interrupt).cast()).load(Ordering::SeqCst)
    }
}

/// PHP's `pcntl_signal_dispatch()`, if there is one.
#[derive(Clone, Copy)]
pub(crate) struct Dispatcher(*mut zend_function);

impl Dispatcher {
    /// Looks it up: a symbol of a shared extension must not be linked.
    pub(crate) fn find() -> Dispatcher {
        let name = "pcntl_signal_dispatch";
        // SAFETY: the function table of the running request, and a name with its length.
        Dispatcher(unsafe {
            let functions = (*ext_php_rs_executor_globals()).function_table;
            zend_hash_str_find_ptr_lc(functions, name.as_ptr().cast(), name.len()).cast()
        })
    }

    /// Runs the handlers of `pcntl_signal()` whose signals have arrived. They may leave an exception.
    pub(crate) fn dispatch(self) {
        if self.0.is_null() {
            return;
        }
        let mut returned = Zval::new();
        // SAFETY: an internal function lives as long as PHP; it takes no arguments.
        unsafe {
            zend_call_known_function(
                self.0,
                ptr::null_mut(),
                ptr::null_mut(),
                &raw mut returned,
                0,
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
    }
}
