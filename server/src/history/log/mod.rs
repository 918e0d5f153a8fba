//! The history log: what was published, in order, on disk, by the one process that owns the queue. It makes numbers,
//! repeats and restarts come out right: a number that a client may have is never given to another event.
//!
//! A batch is one record ([`batch_record`]) in one file ([`file`]), appended before the hub gets the batch. A start
//! continues the log of the process before if it can prove that nothing is missing ([`continuing`]), and else begins a
//! new epoch. Where the log cannot be written it is deleted, and the run goes on without it.

mod anew;
mod batch_record;
mod boot;
mod continuing;
mod directory;
mod error;
mod event;
mod file;
mod header;
mod on_disk;
mod opening;
mod records;
mod renewing;
mod state_file;
#[cfg(test)]
pub(crate) mod testing;
mod time;

use std::io;
use std::time::{Duration, Instant};

use queue::Reader;
use tracing::{debug, warn};

use batch_record::BatchRecord;
use directory::{Location, LogDirectory};
use file::LogFile;
use time::Clock;

use crate::publication::Seq;

pub use error::HistoryError;
pub use on_disk::{LogError, LogOnDisk, LogSummary, NextStart, PastEvent};

pub(crate) use anew::Anew;
pub(crate) use error::CannotGiveUp;
pub(crate) use event::{Kept, Logged};
pub(crate) use file::Bounds;
pub(crate) use opening::begin_without_log;
pub(crate) use state_file::StateFile;
pub(crate) use time::{LogTime, Trimmed};

/// How often it is tried to write a new log after one was given up.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);
/// So many times the bytes of its records may a file have before them, where these take no space.
const MAX_GIVEN_BACK: u64 = 8;
/// Bytes that may be there in any case.
const MIN_DEAD_BYTES: u64 = 4 << 20;

/// The log of one process. It must be dropped before the lock of the queue is released.
#[derive(Debug)]
pub(crate) struct HistoryLog {
    location: Location,
    epoch: u64,
    boot_id: String,
    clock: Clock,
    state: State,
    /// Whether the queue directory says which epoch this is.
    is_announced: bool,
    record: BatchRecord,
    /// When the file may be copied again, after that failed.
    compaction_due: Option<Instant>,
    failures: u64,
}

#[derive(Debug)]
enum State {
    Written(LogDirectory, LogFile),
    /// An append failed, and the file still has its name.
    Condemned(LogDirectory),
    /// There is no log. A new one is tried when it is due.
    Missing(Option<LogDirectory>, Instant),
}

/// What a start has found.
#[derive(Debug)]
pub(crate) struct Opened<T> {
    pub(crate) log: HistoryLog,
    /// Of all numbers of this run.
    pub(crate) epoch: u64,
    /// The number of the next event.
    pub(crate) next: Seq,
    /// What the log no longer holds: the events of this epoch up to there, or the beginning of the epoch.
    pub(crate) trimmed: Trimmed,
    /// What was made of the events in the log, which come in the order of their numbers.
    pub(crate) kept: T,
    /// Why the epoch is a new one. `None`: the numbers of the process before go on.
    pub(crate) anew: Option<Anew>,
}

impl HistoryLog {
    /// Appends a batch as one record, before the hub gets it. Returns its time, which is never before an earlier one.
    ///
    /// Where the log cannot be written, it is deleted, and this and the following batches have no record.
    ///
    /// # Errors
    /// When that log cannot be deleted either. The batch must not be handed over, and is appended again later.
    pub(crate) fn append<'a>(&mut self, events: impl IntoIterator<Item = Logged<'a>>) -> Result<LogTime, CannotGiveUp> {
        let at = self.clock.read();
        match &mut self.state {
            State::Missing(..) => {}
            State::Condemned(_) => self.give_up()?,
            State::Written(_, file) => {
                self.record.begin();
                events.into_iter().for_each(|event| self.record.push(&event));
                if self.record.is_empty() {
                    return Ok(at);
                }
                let last = self.record.last();
                let appended = self.record.finish(at).and_then(|record| file.append(record, last, at));
                if let Err(error) = appended {
                    self.failures += 1;
                    warn!(
                        path = %self.location.log().display(), %error, times = self.failures,
                        "cannot write the history log, going on without it: if the broadcaster is started again before \
                         it can be written, clients are told that they may have missed events"
                    );
                    self.give_up()?;
                }
            }
        }
        Ok(at)
    }

    /// Writes into the header how far the log goes.
    fn state_end(&mut self) {
        if let State::Written(_, file) = &mut self.state
            && let Err(error) = file.state_end()
        {
            // A start reads the records after that place as well. Only a cut would not be noticed. The next call tries
            // again.
            debug!(%error, "cannot write the header of the history log");
        }
    }

    /// Forgets what is beyond the bounds, at the front only. To be called now and then, such as once a second.
    pub(crate) fn trim(&mut self, bounds: &Bounds) {
        // Not with each batch: clients would wait for it.
        self.state_end();
        let State::Written(directory, file) = &mut self.state else { return };
        match file.trim(bounds) {
            Ok(true) => {}
            Ok(false) => return,
            // What is there stays part of the log, and the next call tries again.
            Err(error) => return debug!(%error, "cannot trim the history log"),
        }
        let factor = if file.can_give_back() { MAX_GIVEN_BACK } else { 1 };
        let is_due = self.compaction_due.is_none_or(|due| due <= Instant::now());
        if !is_due || file.dead_bytes() <= factor * file.live_bytes() + MIN_DEAD_BYTES {
            return;
        }
        // Not synced: until the log is closed, it counts during this boot of the system only.
        let copied = file.copy_to(directory).and_then(|copy| {
            directory.commit()?;
            Ok(copy)
        });
        match copied {
            Ok(copy) => (*file, self.compaction_due) = (copy, None),
            Err(error) => {
                directory.discard();
                self.compaction_due = Some(Instant::now() + RENEWAL_INTERVAL);
                debug!(%error, "cannot copy the history log to a shorter file");
            }
        }
    }

    /// Whether what was appended last is in the log.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.state, State::Written(..))
    }

    /// How many times the log could not be written and was given up.
    #[cfg(test)]
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    /// Bytes of the records in it.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        match &self.state {
            State::Written(_, file) => file.live_bytes(),
            State::Condemned(_) | State::Missing(..) => 0,
        }
    }

    /// Closes the log, so that the next start can continue it after another boot as well. What was acked is synced
    /// first: otherwise an entry could come back that is no longer in the log.
    ///
    /// # Errors
    /// The error of the system. The log is not marked as closed then, and counts during this boot only.
    pub(crate) fn close(self, reader: &Reader) -> io::Result<()> {
        let State::Written(directory, mut file) = self.state else { return Ok(()) };
        reader.sync()?;
        #[cfg(test)]
        testing::queue_synced();
        file.state_end()?;
        file.sync()?;
        directory.sync()?;
        file.mark_closed()
    }

    /// Deletes a log that lacks events which are about to be sent.
    fn give_up(&mut self) -> Result<(), CannotGiveUp> {
        let due = Instant::now() + RENEWAL_INTERVAL;
        let directory = match std::mem::replace(&mut self.state, State::Missing(None, due)) {
            State::Written(directory, _) | State::Condemned(directory) => directory,
            missing @ State::Missing(..) => {
                self.state = missing;
                return Ok(());
            }
        };
        match directory.unlink() {
            Ok(()) => {
                self.state = State::Missing(Some(directory), due);
                Ok(())
            }
            Err(errno) => {
                self.state = State::Condemned(directory);
                Err(CannotGiveUp { path: self.location.log(), cause: errno.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests;
