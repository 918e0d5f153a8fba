//! Acks and rejections that the file system refused: a directory without rights, a disk that is read-only or full. They
//! are tried again until they succeed, and hold up no other entry meanwhile.

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use queue::{EntryError, EntryName, Reader};
use tracing::{error, info, warn};

/// Pause after a failure, doubled up to `MAX_PAUSE`.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How many are tried at a time. One that succeeds brings the next ones at once.
const TRIES: usize = 256;

#[derive(Debug)]
pub(crate) enum Deed {
    Ack(EntryName),
    Reject(EntryName, EntryError),
}

#[derive(Debug, Default)]
pub(crate) struct Undone {
    deeds: VecDeque<Deed>,
    pause: Duration,
    due: Option<Instant>,
    /// A failed ack was logged. The others of the row have the same cause, most likely.
    ack_logged: bool,
}

impl Undone {
    pub(crate) fn len(&self) -> usize {
        self.deeds.len()
    }

    /// When the next try is due, if there is anything to try.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Tries a deed for the first time.
    pub(crate) fn attempt(&mut self, reader: &mut Reader, deed: Deed) {
        if let Err(error) = deed.attempt(reader) {
            match &deed {
                Deed::Ack(_) if std::mem::replace(&mut self.ack_logged, true) => {}
                Deed::Ack(_) => warn!(error, "cannot delete a delivered entry, trying again"),
                Deed::Reject(name, reason) => {
                    error!(entry = %name, %reason, error, "entry is no event and cannot be put aside, trying again");
                }
            }
            self.deeds.push_back(deed);
            if self.due.is_none() {
                self.wait(MIN_PAUSE);
            }
        }
    }

    /// Tries again what is due.
    pub(crate) fn retry(&mut self, reader: &mut Reader) {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            let before = self.deeds.len();
            for _ in 0..before.min(TRIES) {
                let Some(deed) = self.deeds.pop_front() else { break };
                if deed.attempt(reader).is_err() {
                    self.deeds.push_back(deed);
                }
            }
            if self.deeds.is_empty() {
                info!("entries can be deleted and put aside again");
                *self = Undone::default();
            } else if self.deeds.len() < before {
                self.wait(Duration::ZERO);
            } else {
                self.wait((self.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE));
            }
        }
    }

    /// Tries everything once more, and tells what remains.
    pub(crate) fn give_up(mut self, reader: &mut Reader) {
        self.deeds.retain(|deed| deed.attempt(reader).is_err());
        if !self.deeds.is_empty() {
            let entries = self.deeds.len();
            error!(entries, "delivered entries cannot be deleted, the next broadcaster sends them again");
        }
    }

    fn wait(&mut self, pause: Duration) {
        self.pause = pause;
        self.due = Some(Instant::now() + pause);
    }
}

impl Deed {
    fn attempt(&self, reader: &mut Reader) -> Result<(), Box<dyn Error>> {
        match self {
            Deed::Ack(name) => reader.ack(name)?,
            Deed::Reject(name, reason) => {
                reader.reject(name, reason)?;
                error!(entry = %name, %reason, "entry is no event, kept in failed/");
            }
        }
        Ok(())
    }
}
