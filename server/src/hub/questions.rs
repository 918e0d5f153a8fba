//! Entries of the broker's stream that clients have named and that have not come. The threads of the hub ask whether
//! the stream has them. A thread of the broker looks them up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::protocol::id::StreamId;

/// How many ids may wait. One more is not looked up: its client waits until the stream brings it, or its time is over.
const MAX_WAITING: usize = 1024;

/// Ids that are to be looked up.
#[derive(Debug, Default)]
pub(super) struct Questions {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    version: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    ids: VecDeque<StreamId>,
    is_over: bool,
}

impl Questions {
    /// Asks for one, unless it waits already.
    pub(super) fn ask(&self, id: StreamId) {
        let mut waiting = self.lock();
        if waiting.ids.len() < MAX_WAITING && !waiting.ids.contains(&id) {
            waiting.ids.push_back(id);
            drop(waiting);
            self.changed.notify_one();
        }
    }

    /// Waits for the next. `None`: it is over.
    pub(super) fn take(&self) -> Option<StreamId> {
        let mut waiting = self.lock();
        loop {
            if waiting.is_over {
                return None;
            }
            if let Some(id) = waiting.ids.pop_front() {
                return Some(id);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Rises whenever an answer may have changed.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn next_version(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
