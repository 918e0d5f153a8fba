//! Acks that the file system refused: a directory without rights, a disk that is read-only. They are tried again until
//! they succeed, and hold up no other entry meanwhile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use queue::{EntryName, Reader};
use tracing::{error, info, warn};

/// Pause after a failure, doubled up to `MAX_PAUSE`.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How many are tried at a time. One that succeeds brings the next ones at once.
const TRIES: usize = 256;

#[derive(Debug, Default)]
pub(super) struct RefusedAcks {
    acks: VecDeque<EntryName>,
    pause: Duration,
    due: Option<Instant>,
    /// A failed ack was logged. The others of the row have the same cause, most likely.
    is_logged: bool,
}

impl RefusedAcks {
    pub(crate) fn len(&self) -> usize {
        self.acks.len()
    }

    /// When the next try is due, if there is anything to try.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Acks an entry for the first time.
    pub(super) fn ack(&mut self, reader: &mut Reader, name: EntryName) {
        if let Err(error) = reader.ack(&name) {
            if !std::mem::replace(&mut self.is_logged, true) {
                let error: &(dyn std::error::Error + 'static) = &error;
                warn!(error, "cannot delete a delivered entry, trying again");
            }
            self.acks.push_back(name);
            if self.due.is_none() {
                self.wait(MIN_PAUSE);
            }
        }
    }

    /// Tries again what is due.
    pub(super) fn retry(&mut self, reader: &mut Reader) {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            let before = self.acks.len();
            for _ in 0..before.min(TRIES) {
                let Some(name) = self.acks.pop_front() else { break };
                if reader.ack(&name).is_err() {
                    self.acks.push_back(name);
                }
            }
            if self.acks.is_empty() {
                info!("delivered entries can be deleted again");
                *self = RefusedAcks::default();
            } else if self.acks.len() < before {
                self.wait(Duration::ZERO);
            } else {
                self.wait((self.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE));
            }
        }
    }

    /// Tries everything once more, and logs what remains.
    pub(super) fn give_up(mut self, reader: &mut Reader) {
        self.acks.retain(|name| reader.ack(name).is_err());
        if !self.acks.is_empty() {
            let entries = self.acks.len();
            error!(entries, "delivered entries cannot be deleted, the next broadcaster sends them again");
        }
    }

    fn wait(&mut self, pause: Duration) {
        self.pause = pause;
        self.due = Some(Instant::now() + pause);
    }
}
