//! What the server's threads tell PHP's thread, and the notifier that wakes it: an eventfd.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use server::SessionId;

use crate::client::Client;
use crate::waiters::WaiterId;

/// Something that PHP's thread must handle.
pub(crate) enum Notification {
    /// A client whose path has a handler has connected.
    Opened(Arc<Client>),
    /// A call of `read()` may continue.
    Readable(WaiterId),
    /// A client that PHP has an object for has left.
    Closed(SessionId),
}

/// The notifications that PHP's thread has not taken.
pub(crate) struct Notifications {
    queued: Mutex<VecDeque<Notification>>,
    /// PHP's thread is about to sleep, or sleeps: after something was added it must be woken.
    asleep: AtomicBool,
    /// The server has ended, because it was stopped or because it failed.
    ended: AtomicBool,
    notifier: OwnedFd,
}

impl Notifications {
    pub(crate) fn new() -> io::Result<Notifications> {
        Ok(Notifications {
            queued: Mutex::default(),
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            notifier: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Adds a notification. PHP's thread sees it at its next turn; [`Self::wake`] lets that begin.
    pub(crate) fn add(&self, notification: Notification) {
        self.lock().push_back(notification);
    }

    /// Notes that the server has ended.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Swaps what was added with an empty queue, whose memory is used again.
    pub(crate) fn take(&self, empty: &mut VecDeque<Notification>) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut *self.lock(), empty);
    }

    /// Announces that PHP's thread is going to sleep. False if something was added that it has not taken, or if the
    /// server has ended and it does not know.
    pub(crate) fn begin_sleep(&self, knows_end: bool) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let may_sleep = self.lock().is_empty() && (knows_end || !self.have_ended());
        if !may_sleep {
            self.asleep.store(false, Ordering::SeqCst);
        }
        may_sleep
    }

    /// PHP's thread is awake again.
    pub(crate) fn end_sleep(&self) {
        if !self.asleep.swap(false, Ordering::SeqCst) {
            // It was woken, or is about to be: then the next sleep ends at once, and the count is read after that one.
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.notifier, &mut count);
        }
    }

    /// Becomes readable when PHP's thread is to wake up.
    pub(crate) fn notifier(&self) -> BorrowedFd<'_> {
        self.notifier.as_fd()
    }

    /// Wakes PHP's thread if it sleeps.
    pub(crate) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // It fails only when the count is at its limit, and then the notifier is readable.
            let _ = rustix::io::write(&self.notifier, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Notification>> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
