//! What the server's threads have to tell PHP's thread, and the doorbell that wakes it. Nothing else crosses between them
//! but the clients themselves.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use server::SessionId;

use crate::client::Client;
use crate::parking::ParkId;

/// Something that PHP's thread must see to.
pub(crate) enum Incident {
    /// A client whose path has a handler has connected.
    Opened(Arc<Client>),
    /// A call of `read()` may continue.
    Readable(ParkId),
    /// A client that PHP has an object for has left.
    Closed(SessionId),
}

/// What the threads of a server share with PHP's thread.
pub(crate) struct Shared {
    pub(crate) incidents: Incidents,
    /// Every client that is connected, in the order they came.
    clients: Mutex<BTreeMap<SessionId, Arc<Client>>>,
    /// The paths that have a handler.
    paths: Mutex<HashSet<String>>,
}

/// The incidents that wait for PHP's thread.
pub(crate) struct Incidents {
    waiting: Mutex<VecDeque<Incident>>,
    /// PHP's thread is about to sleep, or sleeps: who adds something must ring.
    asleep: AtomicBool,
    /// The server has ended, whether it was told to or not.
    ended: AtomicBool,
    doorbell: OwnedFd,
}

impl Shared {
    pub(crate) fn new(paths: HashSet<String>) -> io::Result<Shared> {
        let incidents = Incidents {
            waiting: Mutex::default(),
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            doorbell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        };
        Ok(Shared { incidents, clients: Mutex::default(), paths: Mutex::new(paths) })
    }

    pub(crate) fn clients(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_path(&self, path: String) {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    }

    /// The path that a handler for this request target is registered for: the target, else the target without its query.
    pub(crate) fn has_handler(&self, target: &str) -> bool {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.contains(target) || paths.contains(without_query(target))
    }
}

/// A request target without its query.
pub(crate) fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

impl Incidents {
    /// Adds an incident. PHP's thread sees it at its next turn; [`Self::ring`] is what wakes it.
    pub(crate) fn add(&self, incident: Incident) {
        self.lock().push_back(incident);
    }

    /// The server has ended.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.ring();
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Swaps what waits with an empty queue whose memory is used again.
    pub(crate) fn take(&self, empty: &mut VecDeque<Incident>) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut *self.lock(), empty);
    }

    /// Announces that PHP's thread is going to sleep. False if something has come in meanwhile that it does not know.
    pub(crate) fn fall_asleep(&self, knows_end: bool) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let empty = self.lock().is_empty() && (knows_end || !self.have_ended());
        if !empty {
            self.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// PHP's thread is awake again.
    pub(crate) fn awake(&self) {
        if !self.asleep.swap(false, Ordering::SeqCst) {
            // Somebody has rung, or is about to: then the next sleep ends at once, and this is done again.
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.doorbell, &mut count);
        }
    }

    /// Becomes readable when somebody rings.
    pub(crate) fn doorbell(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
    }

    /// Wakes PHP's thread if it sleeps.
    pub(crate) fn ring(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // It fails only when the count is at its limit, and then the doorbell is ringing.
            let _ = rustix::io::write(&self.doorbell, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Incident>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
