//! Whether this process is a fork of the one that something was made in. Threads do not survive a fork, and what a
//! running server shares with its threads belongs to the parent. A fork keeps nothing open of it ([`crate::inherited`]).
#![allow(unsafe_code)]

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{descriptor_limit, inherited, logging};

static FORKS: AtomicU32 = AtomicU32::new(0);
static WATCHED: Once = Once::new();

/// Remembers the process it was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// The process that is running now.
    pub(crate) fn this() -> Process {
        WATCHED.call_once(|| {
            // SAFETY: the handler does only what is allowed in a child of a process with several threads. The C library
            // forgets it when this library is unloaded.
            unsafe { libc::pthread_atfork(None, None, Some(begin_in_child)) };
        });
        Process(FORKS.load(Ordering::Relaxed))
    }

    /// Whether the running process is another one: a fork.
    pub(crate) fn is_gone(self) -> bool {
        self.0 != FORKS.load(Ordering::Relaxed)
    }
}

extern "C" fn begin_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    logging::abandon_in_child();
    inherited::close_in_child();
    descriptor_limit::restore_in_child();
}
