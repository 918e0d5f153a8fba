//! Events of clients on their way to everybody (`relay_client_events`). A thread of their own publishes them: it may
//! have to wait for the disk that the history log is on, and the threads of the hub never do.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue::Event;
use tracing::{error, info, warn};

use crate::disconnect::Disconnect;
use crate::history::log::{CannotGiveUp, Logged};
use crate::hub::Hub;
use crate::hub::batch::Batch;
use crate::publication::{Publication, Seq};
use crate::session_id::SessionId;

/// Bytes of events that may wait to be published, those of all clients together.
const MAX_WAITING_BYTES: usize = 16 << 20;
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
struct Relayed {
    event: Event,
    /// When it came, in seconds since 1970.
    timestamp: i64,
}

impl Hub {
    /// Sends an event of a client to everybody. If more events of clients wait already than may, for a disk that does
    /// not answer for example, the client is disconnected.
    pub fn relay(&self, from: SessionId, event: Event) {
        if !self.shared.relay.push(event) {
            self.close(from, Disconnect::TooManyMessages);
        }
    }

    /// Publishes what clients send, until [`end_relay`](Self::end_relay) and everything from before is out.
    pub(crate) fn run_relay(&self) {
        let relay = &self.shared.relay;
        let mut batch = Batch::default();
        while let Some((events, bytes)) = relay.take() {
            events.iter().for_each(|relayed| batch.push(&relayed.publication()));
            self.publish_relayed(&batch, &events);
            batch.clear();
            relay.lock().bytes -= bytes;
        }
    }

    /// Takes no more events of clients.
    pub(crate) fn end_relay(&self) {
        self.shared.relay.lock().is_over = true;
        self.shared.relay.changed.notify_all();
    }

    fn publish_relayed(&self, batch: &Batch, events: &[Relayed]) {
        let mut has_failed = false;
        while let Err(error) = self.append(batch, |first| Relayed::logged(events, first)) {
            let CannotGiveUp { path, cause } = &error;
            if !self.shared.relay.wait_to_retry() {
                let events = events.len();
                return error!(path = %path.display(), %cause, events, "events of clients are not sent: {error}");
            }
            if !has_failed {
                warn!(%error, "events of clients wait: neither can they be written to the history log, nor can that be \
                    deleted");
            }
            has_failed = true;
        }
        if has_failed {
            info!("events of clients are sent again");
        }
    }
}

impl Relayed {
    fn publication(&self) -> Publication<'_> {
        Publication::to_everybody(self.event.name_json(), self.event.payload_json(), self.timestamp)
    }

    /// What the history log gets, if the first has this number.
    fn logged(events: &[Relayed], first: Seq) -> impl Iterator<Item = Logged<'_>> {
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
    fn push(&self, event: Event) -> bool {
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
    fn take(&self) -> Option<(Vec<Relayed>, usize)> {
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

    /// Returns whether to try again, after some time.
    fn wait_to_retry(&self) -> bool {
        let waiting = self.lock();
        let waited = self.changed.wait_timeout_while(waiting, RETRY_INTERVAL, |waiting| !waiting.is_over);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
