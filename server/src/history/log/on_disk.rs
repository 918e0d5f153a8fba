//! A look at the log on disk, and deleting it, for code outside. Nothing here needs the process that writes it, and a
//! look leaves everything as it was: it often is root's.

mod error;
mod past_event;
mod summary;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use queue::{Announcement, HISTORY, HISTORY_LOG, NEW_HISTORY_LOG};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::anew::Anew;
use super::boot;
use super::continuing;
use super::event::Kept;
use super::header::Header;
use super::records::Records;
use crate::protocol::after::After;
use crate::protocol::id::Id;
use crate::publication::Seq;

use summary::Counts;

pub use error::LogError;
pub use past_event::PastEvent;
pub use summary::{LogSummary, NextStart};

/// So many times the log is read again from its new beginning, when that was moved while it was read.
const MAX_ATTEMPTS: u32 = 10;

/// The history log of a queue, or one in a directory of its own.
#[derive(Debug)]
pub struct LogOnDisk {
    /// Where it is.
    path: PathBuf,
    directory: OwnedFd,
    /// The queue whose log it is, if that is known.
    queue: Option<OwnedFd>,
}

impl LogOnDisk {
    /// Finds the log of a queue: in the configured directory, else in the queue directory.
    ///
    /// # Errors
    /// When there is no such directory, or it may not be entered.
    pub fn of_queue(queue: &Path, configured: Option<&Path>) -> Result<LogOnDisk, LogError> {
        LogOnDisk::open(configured.map_or_else(|| queue.join(HISTORY), Path::to_owned), Some(queue))
    }

    /// The log in a directory, of whatever queue.
    ///
    /// # Errors
    /// When there is no such directory, or it may not be entered.
    pub fn in_directory(path: &Path) -> Result<LogOnDisk, LogError> {
        LogOnDisk::open(path.to_owned(), None)
    }

    fn open(path: PathBuf, queue: Option<&Path>) -> Result<LogOnDisk, LogError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&path, flags | OFlags::NOFOLLOW, Mode::empty());
        let directory = directory.map_err(|errno| match errno {
            Errno::NOENT => LogError::Missing(path.clone()),
            Errno::NOTDIR | Errno::LOOP => LogError::NotADirectory(path.clone()),
            errno => LogError::Io { doing: "open the history directory", path: path.clone(), cause: errno.into() },
        })?;
        // Without it, it cannot be said whether the log belongs to what was sent last.
        let queue = queue.and_then(|queue| rustix::fs::open(queue, flags, Mode::empty()).ok());
        Ok(LogOnDisk { path, directory, queue })
    }

    /// The history directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a process holds the directory.
    pub fn is_in_use(&self) -> bool {
        match self.lock() {
            Ok(()) => rustix::fs::flock(&self.directory, FlockOperation::Unlock).is_err(),
            Err(error) => matches!(error, LogError::InUse(_)),
        }
    }

    /// Reads the whole log.
    ///
    /// # Errors
    /// When there is no log, or it cannot be read.
    pub fn summary(&self) -> Result<LogSummary, LogError> {
        let (mut file, header) = self.open_log()?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.failed(errno.into()))?;
        let mut counts = Counts::default();
        let read = self.read(&mut file, &header, |event| {
            counts.add(event);
            ControlFlow::Continue(())
        });
        let next_start = match read {
            Err(LogError::Damaged { offset, .. }) => NextStart::BeginsAnew(Anew::Damaged { offset }.to_string()),
            Err(error) => return Err(error),
            Ok(()) => self.next_start(&header, stat.st_ino),
        };
        let (size, blocks) = (stat.st_size.cast_unsigned(), stat.st_blocks.cast_unsigned());
        Ok(counts.summary(&header, size, blocks, next_start))
    }

    /// What a start now does with a log whose records are whole.
    fn next_start(&self, header: &Header, inode: u64) -> NextStart {
        let announced = self.queue.as_ref().map(|queue| Announcement::read(queue.as_fd()).map(|said| said.epoch));
        // Without the queue, the epoch of the log is taken for the right one. Other reasons to begin anew are still
        // found.
        match continuing::judge(header, inode, announced.unwrap_or(Some(header.epoch)), &boot::id()) {
            Err(reason) => NextStart::BeginsAnew(reason.to_string()),
            Ok(()) if announced.is_none() => NextStart::Unknown,
            Ok(()) => NextStart::Continues,
        }
    }

    /// Hands over the events in the order of their numbers, all or those after a position, until told to stop.
    ///
    /// # Errors
    /// When there is no log, the position is of another one, or the log cannot be read to its end.
    pub fn events(
        &self,
        after: Option<&str>,
        mut each: impl FnMut(PastEvent<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let (mut file, header) = self.open_log()?;
        let epoch = header.epoch;
        let after = match after {
            None => None,
            Some(text) => match After::parse(text) {
                Some(After::Id(Id::Own { epoch: given, .. })) if given != epoch => None,
                Some(After::Id(Id::Stream(_)) | After::Unknown) | None => None,
                after => after,
            }
            .map_or_else(|| Err(LogError::UnknownPosition(text.to_owned(), epoch)), |after| Ok(Some(after)))?,
        };
        self.read(&mut file, &header, |kept| {
            let is_wanted = match after {
                Some(After::Id(Id::Own { seq, .. })) => kept.seq > seq,
                Some(After::Moment(millis)) => kept.at.millis() >= millis,
                _ => true,
            };
            if is_wanted { each(PastEvent { kept, epoch }) } else { ControlFlow::Continue(()) }
        })
    }

    /// Deletes the log. Returns the bytes of its records.
    ///
    /// # Errors
    /// When a process holds the directory, what is there is no history log, or the system refuses.
    pub fn clear(&self) -> Result<u64, LogError> {
        self.lock()?;
        let cleared = self.clear_locked();
        // It ends with this value at the latest.
        let _ = rustix::fs::flock(&self.directory, FlockOperation::Unlock);
        cleared
    }

    fn clear_locked(&self) -> Result<u64, LogError> {
        let (file, header) = self.open_log()?;
        let bytes = file.metadata().map_err(|cause| self.failed(cause))?.len().saturating_sub(header.start);
        for name in [HISTORY_LOG, NEW_HISTORY_LOG] {
            match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => {
                    let path = self.path.join(name);
                    return Err(LogError::Io { doing: "delete", path, cause: errno.into() });
                }
            }
        }
        rustix::fs::fsync(&self.directory).map_err(|errno| LogError::Io {
            doing: "sync",
            path: self.path.clone(),
            cause: errno.into(),
        })?;
        Ok(bytes)
    }

    fn lock(&self) -> Result<(), LogError> {
        match rustix::fs::flock(&self.directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(LogError::InUse(self.path.clone())),
            // Not every file system has locks. Then only the lock of the queue tells.
            _ => Ok(()),
        }
    }

    fn open_log(&self) -> Result<(File, Header), LogError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let not_a_log = || LogError::NotALog(self.path.join(HISTORY_LOG));
        let file = rustix::fs::openat(&self.directory, HISTORY_LOG, flags, Mode::empty());
        let file = file.map_err(|errno| match errno {
            Errno::NOENT => LogError::Missing(self.path.clone()),
            Errno::LOOP | Errno::NXIO => not_a_log(),
            errno => self.failed(errno.into()),
        })?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.failed(errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_a_log());
        }
        let mut file = File::from(file);
        let header = continuing::read_header(&mut file, stat.st_size.cast_unsigned());
        let header = header.map_err(|reason| self.error_of(reason))?;
        Ok((file, header))
    }

    /// Reads all events once. A broadcaster may append meanwhile, and trim.
    fn read(
        &self,
        file: &mut File,
        header: &Header,
        mut each: impl FnMut(&Kept) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let mut header = header.clone();
        let mut had = Seq::default();
        for attempt in 1.. {
            let read = read_from(file, &header, &mut had, &mut each);
            let Err(reason) = read else { return Ok(()) };
            let size = file.metadata().map_err(|cause| self.failed(cause))?.len();
            let now = continuing::read_header(file, size).map_err(|reason| self.error_of(reason))?;
            if attempt == MAX_ATTEMPTS || now.start == header.start {
                return Err(self.error_of(reason));
            }
            header = now;
        }
        Ok(())
    }

    fn error_of(&self, reason: Anew) -> LogError {
        let path = self.path.join(HISTORY_LOG);
        match reason {
            Anew::NewerVersion => LogError::NewerVersion(path),
            Anew::Damaged { offset } => LogError::Damaged { path, offset },
            Anew::Failed(error) => self.failed(io::Error::other(error)),
            _ => LogError::NotALog(path),
        }
    }

    fn failed(&self, cause: io::Error) -> LogError {
        LogError::Io { doing: "read the history log", path: self.path.join(HISTORY_LOG), cause }
    }
}

/// Reads what has a higher number than what was read before.
fn read_from(
    file: &mut File,
    header: &Header,
    had: &mut Seq,
    each: &mut impl FnMut(&Kept) -> ControlFlow<()>,
) -> Result<(), Anew> {
    let size = file.metadata()?.len();
    let mut records = Records::new(file, header, size)?;
    while let Some(record) = records.next()? {
        for event in record.events.iter().filter(|event| event.seq > *had) {
            if each(event).is_break() {
                return Ok(());
            }
        }
        *had = records.last();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::history::log::batch_record::BatchRecord;
    use crate::history::log::directory::LogDirectory;
    use crate::history::log::event::Logged;
    use crate::history::log::file::{Bounds, LogFile};
    use crate::history::log::time::{LogTime, Trimmed};
    use crate::publication::{Audience, Publication};

    #[test]
    fn a_log_whose_beginning_is_given_back_while_it_is_read_is_read_from_the_new_beginning() {
        let path = TempDir::new().expect("a directory");
        let directory = LogDirectory { directory: File::open(path.path()).expect("opened").into() };
        let trimmed = Trimmed { seq: Seq::default(), at: LogTime(1) };
        let mut file = LogFile::create(&directory, 7, "boot", trimmed).expect("a log");
        directory.commit().expect("named");
        // Large enough for a file system to give them back.
        let payload = format!("\"{}\"", "x".repeat(2 << 20));
        let mut record = BatchRecord::default();
        for number in 1..=3 {
            let (seq, at) = (Seq(number), LogTime(number * 1_000_000));
            let publication = Publication {
                name_json: "\"test\"",
                payload_json: &payload,
                timestamp: 1,
                audience: Audience::Everybody,
                except: None,
                expires_at: None,
                queued_at: None,
            };
            record.begin();
            record.push(&Logged { seq, origin: None, uid: None, publication, key: None });
            file.append(record.finish(at).expect("a record"), seq, at).expect("appended");
        }
        let log = LogOnDisk::in_directory(path.path()).expect("a directory");
        let (mut reading, header) = log.open_log().expect("a log");
        let bounds = Bounds { keep_from: Seq(3), acked: Seq(3), max_bytes: u64::MAX };
        assert!(file.trim(&bounds).expect("trimmed"));
        let mut read = Vec::new();
        log.read(&mut reading, &header, |event| {
            read.push(event.seq.0);
            ControlFlow::Continue(())
        })
        .expect("what is left");
        // Where nothing can be given back, all of it is still there.
        assert!(read == [3] || read == [1, 2, 3], "{read:?}");
        let summary = log.summary().expect("a log");
        assert_eq!((summary.numbers, summary.trimmed, summary.events), (Some((3, 3)), 2, 1));
        assert!(!summary.is_closed && summary.bytes_on_disk > 0);

        let mut shown = Vec::new();
        let each = |event: PastEvent<'_>| {
            shown.push(event.to_json().expect("JSON"));
            ControlFlow::Break(())
        };
        log.events(Some("t.3"), each).expect("a position");
        assert!(shown[0].starts_with("{\"event\":\"test\",\"payload\":\"xx"), "{:.100}", shown[0]);
        assert!(
            shown[0].ends_with(
                "\",\"timestamp\":1,\"id\":\"0000000000000007-3\",\"channels\":null,\"published_at\":0.003}"
            )
        );
        let unknown =
            log.events(Some("0000000000000008-1"), |_| ControlFlow::Continue(())).expect_err("of another log");
        assert!(matches!(unknown, LogError::UnknownPosition(..)), "{unknown}");
    }
}
