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
    ///
    /// # Errors
    /// When the directory is not one that the log may be in, or cannot be used. Where only space is missing, the run
    /// begins without a log.
    pub(crate) fn open(reader: &Reader, configured: Option<&Path>) -> Result<Opened, HistoryError> {
        HistoryLog::open_in_boot(reader, configured, boot::id())
    }

    pub(super) fn open_in_boot(
        reader: &Reader,
        configured: Option<&Path>,
        boot_id: String,
    ) -> Result<Opened, HistoryError> {
        let location = Location::new(reader, configured)?;
        let begun = match location.open() {
            Ok(directory) => begin(reader, directory, &boot_id),
            Err(error) if error.is_full_disk() => Begun::without_log(None, Anew::Failed(error.to_string())),
            Err(error) => return Err(error),
        };
        match &begun.anew {
            None | Some(Anew::NoLog) => {}
            Some(reason) => warn!(
                path = %location.log().display(), %reason,
                "history begins anew: clients that come back are told that they may have missed events"
            ),
        }
        let is_announced = announce(reader, begun.epoch).map_err(|cause| cannot_announce(reader, cause))?;
        let last = begun.kept.last();
        let mut log = HistoryLog {
            clock: Clock::after(last.map_or(begun.trimmed.at, |event| event.at.max(begun.trimmed.at))),
            location,
            epoch: begun.epoch,
            boot_id,
            state: begun.state,
            is_announced,
            record: BatchRecord::default(),
            compaction_due: None,
            failures: 0,
        };
        if !is_announced {
            log.state = log.state.given_up();
        }
        Ok(Opened {
            log,
            epoch: begun.epoch,
            next: last.map_or(begun.trimmed.seq, |event| event.seq.max(begun.trimmed.seq)).plus(1),
            trimmed: begun.trimmed,
            kept: begun.kept,
            anew: begun.anew,
        })
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

struct Begun {
    state: State,
    epoch: u64,
    trimmed: Trimmed,
    kept: Vec<Kept>,
    anew: Option<Anew>,
}

impl Begun {
    fn without_log(directory: Option<LogDirectory>, anew: Anew) -> Begun {
        Begun {
            state: State::Missing(directory, Instant::now()),
            epoch: rand::random(),
            trimmed: Trimmed { seq: Seq::default(), at: LogTime::now() },
            kept: Vec::new(),
            anew: Some(anew),
        }
    }
}

/// Continues the log, or begins a new one.
fn begin(reader: &Reader, directory: LogDirectory, boot_id: &str) -> Begun {
    // A process that was killed while it wrote a new log left it.
    directory.discard();
    let epoch = Announcement::read(reader.directory()).map(|announcement| announcement.epoch);
    let resumed = continuing::find(&directory, epoch, boot_id).and_then(|found| {
        let (epoch, trimmed) = (found.header.epoch, found.header.trimmed());
        let file = LogFile::resume(found.file, found.header, boot_id, found.places)?;
        Ok((file, epoch, trimmed, found.events))
    });
    match resumed {
        Ok((file, epoch, trimmed, kept)) => {
            Begun { state: State::Written(directory, file), epoch, trimmed, kept, anew: None }
        }
        Err(anew) => {
            let mut begun = Begun::without_log(None, anew);
            begun.state = match begin_anew(&directory, begun.epoch, boot_id, begun.trimmed) {
                Ok(file) => State::Written(directory, file),
                Err(error) => {
                    warn!(%error, "cannot write the history log, going on without it");
                    State::Missing(Some(directory), Instant::now())
                }
            };
            begun
        }
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
