//! Acks that the file system refused: a directory without rights, a disk that is read-only. They are tried again until
//! they succeed, and hold up no other entry meanwhile.

use std::collections::VecDeque;
use std::time::Instant;

use queue::{AckError, EntryName, Reader};
use tracing::{error, info, warn};

use crate::backoff::Backoff;

/// How many are tried at a time. One that succeeds brings the next ones at once.
const TRIES: usize = 256;

#[derive(Debug, Default)]
pub(super) struct RefusedAcks {
    acks: VecDeque<EntryName>,
    /// There is one while there are acks.
    backoff: Backoff,
}

impl RefusedAcks {
    pub(super) fn len(&self) -> usize {
        self.acks.len()
    }

    /// When the next try is due, if there is anything to try.
    pub(super) fn due(&self) -> Option<Instant> {
        self.backoff.until()
    }

    /// Acks an entry for the first time.
    pub(super) fn ack(&mut self, reader: &mut Reader, name: EntryName) {
        if let Err(error) = reader.ack(&name) {
            if self.acks.is_empty() {
                self.fail(&error);
            }
            self.acks.push_back(name);
        }
    }

    /// Writes down what was acked of the journal, and deletes what is read to its end.
    pub(super) fn commit(&mut self, reader: &mut Reader) {
        if self.backoff.is_waiting(Instant::now()) {
            return;
        }
        if let Err(error) = reader.commit_acks() {
            self.fail(&error);
        }
    }

    /// Tries again what is due.
    pub(super) fn retry(&mut self, reader: &mut Reader) {
        if self.backoff.is_due(Instant::now()) {
            let before = self.acks.len();
            let mut refused = None;
            for _ in 0..before.min(TRIES) {
                let Some(name) = self.acks.pop_front() else { break };
                if let Err(error) = reader.ack(&name) {
                    self.acks.push_back(name);
                    refused.get_or_insert(error);
                }
            }
            refused = refused.or(reader.commit_acks().err());
            if refused.is_none() && self.acks.is_empty() {
                if self.backoff.succeed() {
                    info!("delivered entries can be deleted again");
                }
            } else if self.acks.len() < before {
                self.backoff.progress(Instant::now());
            } else if let Some(error) = refused {
                self.fail(&error);
            }
        }
    }

    /// Delays the next try, and logs a reason that is another than before. Others have the same cause, most likely.
    fn fail(&mut self, error: &AckError) {
        if self.backoff.fail(Instant::now(), &error.cause) {
            let error: &(dyn std::error::Error + 'static) = error;
            warn!(error, "cannot delete a delivered entry, trying again");
        }
    }

    /// Tries everything once more, and logs what remains.
    pub(super) fn give_up(mut self, reader: &mut Reader) {
        self.acks.retain(|name| reader.ack(name).is_err());
        // What is refused is read again, and its position says that it was acked.
        let _ = reader.commit_acks();
        if !self.acks.is_empty() {
            let entries = self.acks.len();
            error!(entries, "delivered entries cannot be deleted, the next broadcaster sends them again");
        }
    }
}
