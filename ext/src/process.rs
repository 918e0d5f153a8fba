//! In which process something was made, so that a fork knows what is not its own: threads do not survive a fork, and
//! what a running server shares with its threads belongs to the parent.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between this process and the one that has loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Remembers the process it was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// The process that is running now.
    pub(crate) fn this() -> Process {
        Process(FORKS.load(Ordering::Relaxed))
    }

    /// Whether the running process is a fork of this one.
    pub(crate) fn was_forked(self) -> bool {
        self != Process::this()
    }
}

/// The running process is a new fork. Called in the child, before anything else runs there.
pub(crate) fn begin_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}
