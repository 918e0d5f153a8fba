//! Events of clients that wait for the thread that publishes them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue::Event;

use crate::history::log::Logged;
use crate::publication::{Publication, Seq};

/// Bytes of events that may wait to be published, those of all clients together.
pub(super) const MAX_WAITING_BYTES: usize = 16 << 20;
/// What an event takes beside its text, about.
const OVERHEAD_BYTES: usize = size_of::<Relayed>() + 32;
/// Bytes of events that are published at once: as many as a source publishes at once.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// How often it is tried again where the history log can neither be written nor deleted.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What waits for the thread that publishes it.
#[derive(Debug, Default)]
pub(super) struct Relay {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Relayed>,
    /// Bytes of them, and of those that are being published.
    bytes: usize,
    /// Nothing is taken any more.
    is_over: bool,
}

/// An event of a client.
#[derive(Debug)]
pub(super) struct Relayed {
    event: Event,
    /// When it came, in seconds since 1970.
    timestamp: i64,
}

impl Relayed {
    pub(super) fn publication(&self) -> Publication<'_> {
        Publication::to_everybody(self.event.name_json(), self.event.payload_json(), self.timestamp)
    }

    /// What the history log gets, if the first has this number.
    pub(super) fn logged(events: &[Relayed], first: Seq) -> impl Iterator<Item = Logged<'_>> {
        events.iter().enumerate().map(move |(index, relayed)| Logged {
            seq: first.plus(index),
            origin: None,
            uid: None,
            publication: relayed.publication(),
            key: None,
        })
    }

    fn bytes(&self) -> usize {
        self.event.name_json().len() + self.event.payload_json().len() + OVERHEAD_BYTES
    }
}

impl Relay {
    /// Returns false if there is no room.
    pub(super) fn push(&self, event: Event) -> bool {
        let relayed = Relayed { event, timestamp: Publication::now("", "").timestamp };
        let bytes = relayed.bytes();
        let mut waiting = self.lock();
        if waiting.is_over {
            // All clients are about to be disconnected.
            return true;
        }
        let has_room = waiting.bytes + bytes <= MAX_WAITING_BYTES;
        if has_room {
            waiting.bytes += bytes;
            waiting.events.push_back(relayed);
            drop(waiting);
            self.changed.notify_one();
        }
        has_room
    }

    /// Waits for events, and takes as many as are published at once. Returns them with their bytes. `None`: it is over,
    /// and there are no more.
    pub(super) fn take(&self) -> Option<(Vec<Relayed>, usize)> {
        let mut waiting = self.lock();
        while waiting.events.is_empty() {
            if waiting.is_over {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < MAX_BATCH_BYTES
            && let Some(relayed) = waiting.events.pop_front()
        {
            bytes += relayed.bytes();
            taken.push(relayed);
        }
        Some((taken, bytes))
    }

    /// Frees the room of events that were taken.
    pub(super) fn free(&self, bytes: usize) {
        self.lock().bytes -= bytes;
    }

    /// Bytes of events that wait or are being published.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Takes no more.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Returns whether to try again, after some time.
    pub(super) fn wait_to_retry(&self) -> bool {
        let waiting = self.lock();
        let waited = self.changed.wait_timeout_while(waiting, RETRY_INTERVAL, |waiting| !waiting.is_over);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
