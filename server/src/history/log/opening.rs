//! The start of a log: continues the one that is there, or begins a new epoch, and says in the queue directory which
//! epoch it is before anything is sent.

use std::io;
use std::path::Path;
use std::time::Instant;

use queue::{Announcement, Reader};
use tracing::warn;

use super::anew::Anew;
use super::batch_record::BatchRecord;
use super::continuing;
use super::directory::{Location, LogDirectory};
use super::error::HistoryError;
use super::event::Kept;
use super::file::LogFile;
use super::time::{Clock, LogTime, Trimmed};
use super::{HistoryLog, Opened, State, boot};
use crate::publication::Seq;

/// Begins an epoch without a log: for a server that keeps no history. Returns the epoch.
///
/// # Errors
/// When the queue directory cannot be written: an older log would be taken for complete later.
pub(crate) fn begin_without_log(reader: &Reader) -> Result<u64, HistoryError> {
    let epoch = rand::random();
    announce(reader, epoch).map(|_| epoch).map_err(|cause| cannot_announce(reader, cause))
}

impl HistoryLog {
    /// Opens the log of a queue: in a configured directory, else in the queue directory. The caller owns the queue.
    /// `begin` makes the value to which the events in the log are added. It is told what the log no longer holds. It is
    /// called again if the log turns out to be damaged: then none of its events is used.
    ///
    /// # Errors
    /// When the directory is not one that the log may be in, or cannot be used. Where only space is missing, the run
    /// begins without a log.
    pub(crate) fn open<T: Extend<Kept>>(
        reader: &Reader,
        configured: Option<&Path>,
        begin: impl Fn(Trimmed) -> T,
    ) -> Result<Opened<T>, HistoryError> {
        HistoryLog::open_in_boot(reader, configured, boot::id(), begin)
    }

    pub(super) fn open_in_boot<T: Extend<Kept>>(
        reader: &Reader,
        configured: Option<&Path>,
        boot_id: String,
        begin: impl Fn(Trimmed) -> T,
    ) -> Result<Opened<T>, HistoryError> {
        let location = Location::new(reader, configured)?;
        let found = match location.open() {
            Ok(directory) => Found::look(reader, directory, &boot_id, &begin),
            Err(error) if error.is_full_disk() => {
                Found::Nothing { directory: None, reason: Anew::Failed(error.to_string()) }
            }
            Err(error) => return Err(error),
        };
        let epoch = found.epoch().unwrap_or_else(rand::random);
        // Before a log is replaced: if this fails, the start is tried again, and has to find the same log.
        let is_announced = announce(reader, epoch).map_err(|cause| cannot_announce(reader, cause))?;
        let (run, kept) = if is_announced { found.begin(epoch, &boot_id) } else { found.begin_without_log() };
        match &run.anew {
            None | Some(Anew::NoLog) => {}
            Some(reason) => warn!(
                path = %location.log().display(), %reason,
                "history begins anew: clients that come back are told that they may have missed events"
            ),
        }
        let log = HistoryLog {
            clock: Clock::after(run.last.at),
            location,
            epoch,
            boot_id,
            state: run.state,
            is_announced,
            record: BatchRecord::default(),
            compaction_due: None,
            failures: 0,
        };
        let Begun { trimmed, last, anew, .. } = run;
        let kept = kept.unwrap_or_else(|| begin(trimmed));
        Ok(Opened { log, epoch, next: last.seq.plus(1), trimmed, kept, anew })
    }

    /// Goes on in the directory that replaced the queue directory: says there which epoch this is, and has the log
    /// written there as a whole, if it is to be there.
    ///
    /// # Errors
    /// When the new directory cannot be written. Nothing may be sent until it can.
    pub(crate) fn move_to(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        let configured = self.location.configured().map(Path::to_owned);
        let location = Location::new(reader, configured.as_deref())?;
        self.is_announced = announce(reader, self.epoch).map_err(|cause| cannot_announce(reader, cause))?;
        if !self.is_announced || configured.is_none() {
            self.state = std::mem::replace(&mut self.state, State::Missing(None, Instant::now())).given_up();
        }
        self.location = location;
        Ok(())
    }
}

impl State {
    /// Without the log, which no later start continues, since its epoch is not announced.
    fn given_up(self) -> State {
        if let State::Written(directory, _) | State::Condemned(directory) = self {
            // If it stays: see above.
            let _ = directory.unlink();
        }
        State::Missing(None, Instant::now())
    }
}

/// What is there, before anything is replaced.
enum Found<T> {
    /// A log that goes on, and what was made of its events.
    Log { directory: LogDirectory, file: LogFile, epoch: u64, trimmed: Trimmed, kept: T },
    /// No such log. Without a directory, none can be written.
    Nothing { directory: Option<LogDirectory>, reason: Anew },
}

/// How a run begins.
struct Begun {
    state: State,
    trimmed: Trimmed,
    /// The number and the time of the last event before.
    last: Trimmed,
    anew: Option<Anew>,
}

impl<T: Extend<Kept>> Found<T> {
    fn look(reader: &Reader, directory: LogDirectory, boot_id: &str, begin: impl Fn(Trimmed) -> T) -> Found<T> {
        // A process that was killed while it wrote a new log left it.
        directory.discard();
        let announced = Announcement::read(reader.directory()).map(|announcement| announcement.epoch);
        let resumed = continuing::find(&directory, announced, boot_id, begin).and_then(|found| {
            let (epoch, trimmed) = (found.header.epoch, found.header.trimmed());
            let file = LogFile::resume(found.file, found.header, boot_id, found.places)?;
            Ok((file, epoch, trimmed, found.kept))
        });
        match resumed {
            Ok((file, epoch, trimmed, kept)) => Found::Log { directory, file, epoch, trimmed, kept },
            Err(reason) => Found::Nothing { directory: Some(directory), reason },
        }
    }

    /// The epoch that goes on.
    fn epoch(&self) -> Option<u64> {
        match self {
            Found::Log { epoch, .. } => Some(*epoch),
            Found::Nothing { .. } => None,
        }
    }

    /// Goes on with the log, or puts a new one in its place.
    fn begin(self, epoch: u64, boot_id: &str) -> (Begun, Option<T>) {
        let (directory, reason) = match self {
            Found::Log { directory, file, trimmed, kept, .. } => {
                let last = file.last();
                let begun = Begun { state: State::Written(directory, file), trimmed, last, anew: None };
                return (begun, Some(kept));
            }
            found @ Found::Nothing { directory: None, .. } => return found.begin_without_log(),
            Found::Nothing { directory: Some(directory), reason } => (directory, reason),
        };
        let mut begun = Begun::anew(State::Missing(None, Instant::now()), reason);
        begun.state = match begin_anew(&directory, epoch, boot_id, begun.trimmed) {
            Ok(file) => State::Written(directory, file),
            Err(error) => {
                warn!(%error, "cannot write the history log, going on without it");
                State::Missing(Some(directory), Instant::now())
            }
        };
        (begun, None)
    }

    /// Goes on without a log. What is there stays, or goes: no later start continues it, since no epoch is announced.
    fn begin_without_log(self) -> (Begun, Option<T>) {
        match self {
            Found::Log { directory, file, trimmed, kept, .. } => {
                let last = file.last();
                let state = State::Written(directory, file).given_up();
                (Begun { state, trimmed, last, anew: None }, Some(kept))
            }
            Found::Nothing { directory, reason } => {
                (Begun::anew(State::Missing(directory, Instant::now()), reason), None)
            }
        }
    }
}

impl Begun {
    fn anew(state: State, reason: Anew) -> Begun {
        let trimmed = Trimmed { seq: Seq::default(), at: LogTime::now() };
        Begun { state, trimmed, last: trimmed, anew: Some(reason) }
    }
}

fn begin_anew(directory: &LogDirectory, epoch: u64, boot_id: &str, trimmed: Trimmed) -> io::Result<LogFile> {
    let created = LogFile::create(directory, epoch, boot_id, trimmed).and_then(|file| {
        file.sync()?;
        // Its name need not be synced: that is done when it is closed, and until then it counts during this boot only.
        directory.commit()?;
        Ok(file)
    });
    created.inspect_err(|_| directory.discard())
}

/// Says in the queue directory which epoch this is. Returns false where that cannot be written, and nothing is said
/// there now: then no log is continued either.
fn announce(reader: &Reader, epoch: u64) -> io::Result<bool> {
    match Announcement::new(epoch).write(reader.directory()) {
        Ok(()) => Ok(true),
        Err(error) => {
            Announcement::retract(reader.directory())?;
            warn!(%error, "cannot write to the queue directory: if the broadcaster is started again, clients are told that \
                they may have missed events");
            Ok(false)
        }
    }
}

fn cannot_announce(reader: &Reader, cause: io::Error) -> HistoryError {
    HistoryError::Io { doing: "write the epoch to", path: reader.path().to_owned(), cause }
}
