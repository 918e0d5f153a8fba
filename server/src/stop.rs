//! How a thread that waits on descriptors is told to end: a source, and the thread that follows the broker's stream.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::notifier::Notifier;

/// Tells a thread to stop, from another one.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    is_requested: AtomicBool,
    is_abandoned: AtomicBool,
    notifier: Notifier,
}

impl Stop {
    pub(crate) fn new() -> io::Result<Stop> {
        let shared = Shared {
            is_requested: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            notifier: Notifier::new()?,
        };
        Ok(Stop { shared: Arc::new(shared) })
    }

    /// Asks the thread to end. A source ends when all that it has published is delivered.
    pub(crate) fn request(&self) {
        self.shared.is_requested.store(true, Ordering::SeqCst);
        self.shared.notifier.notify();
    }

    /// Tells the source that nothing more will be delivered, because the hub has ended. What is not delivered stays in
    /// the queue.
    pub(crate) fn abandon(&self) {
        self.shared.is_abandoned.store(true, Ordering::SeqCst);
        self.request();
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.shared.is_abandoned.load(Ordering::SeqCst)
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.shared.is_requested.load(Ordering::SeqCst)
    }

    pub(crate) fn clear_notification(&self) {
        self.shared.notifier.clear();
    }
}

impl AsFd for Stop {
    /// Can be read when the thread is to stop.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.notifier.as_fd()
    }
}
