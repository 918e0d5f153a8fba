//! One open segment: made, locked, appended to, closed.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::segment_descriptor::SegmentDescriptor;
use crate::descriptor::{DIRECTORY, clear_of_standard};
use crate::directory::Durability;
use crate::error::AppendError;
use crate::journal::SegmentName;
use crate::layout;
use crate::priority::Priority;
use crate::queued_at::Now;

/// Bytes come back only with the whole segment, so it must not be large: this is what a producer that waits keeps.
pub(super) const SEGMENT_BYTES: usize = 256 * 1024;
/// A segment that is older is closed when the next record comes.
const MAX_AGE: Duration = Duration::from_secs(60);
/// How often it is checked at most whether a segment still has its name, and who reads it. This is how long records can
/// be lost that are written into a segment after somebody has deleted it.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Names that are tried before the directory is given up. One is seldom taken.
const MAX_NAMES: usize = 16;

/// A segment that this process is writing. It is closed when the value is dropped, and is complete then.
#[derive(Debug)]
pub(super) struct Segment {
    name: SegmentName,
    path: PathBuf,
    descriptor: SegmentDescriptor,
    bytes: u64,
    /// Whether its name is on the disk.
    is_name_synced: bool,
    made: u64,
    checked: u64,
}

/// Why a record is not in a segment.
#[derive(Debug)]
pub(super) enum Failure {
    /// The segment cannot be used any more. Another one may take the record.
    Unusable(Errno),
    /// The segment stays usable.
    Refused(Errno),
    /// The record was written, could not be forced to disk, and was taken back.
    NotSynced(Errno),
}

impl Segment {
    /// Makes a segment in the folder `journal`.
    pub(super) fn make(journal: &Path, priority: Priority, now: Now) -> Result<Segment, AppendError> {
        let refused = |errno: Errno| AppendError::write(journal, errno);
        // A link would lead out of the queue.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match rustix::fs::open(journal, flags, Mode::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Err(AppendError::NoReader),
            opened => opened.map_err(refused)?,
        };
        let mut last = Errno::EXIST;
        for _ in 0..MAX_NAMES {
            let name = SegmentName::at(now, priority);
            match Segment::make_named(&folder, journal.join(name.to_file_name()), name, now) {
                Ok(segment) => return Ok(segment),
                // Two processes make the same name only after a fork without `reseed`; somebody else has locked or
                // deleted the file. The next name differs.
                Err(Unmade::Taken(errno)) => last = errno,
                Err(Unmade::Gone) => return Err(AppendError::NoReader),
                Err(Unmade::NoLocks(errno)) => return Err(AppendError::NoLocks(errno.into())),
                Err(Unmade::Refused(errno)) => return Err(refused(errno)),
            }
        }
        Err(if last == Errno::WOULDBLOCK { AppendError::LockedByOthers } else { refused(last) })
    }

    fn make_named(folder: &OwnedFd, path: PathBuf, name: SegmentName, now: Now) -> Result<Segment, Unmade> {
        let file_name = name.to_file_name();
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
        let file = rustix::fs::openat(folder, &file_name, flags, mode).map_err(|errno| match errno {
            Errno::EXIST => Unmade::Taken(errno),
            Errno::NOENT => Unmade::Gone,
            errno => Unmade::Refused(errno),
        })?;
        let file = clear_of_standard(file);
        let remove = || {
            // The first error is the one to report. The consumer deletes an empty file that stays.
            let _ = rustix::fs::unlinkat(folder, &file_name, AtFlags::empty());
        };
        let stat = rustix::fs::fstat(&file).map_err(Unmade::Refused).inspect_err(|_| remove())?;
        if Mode::from_raw_mode(stat.st_mode) != mode {
            // The umask removed bits. File systems with fixed modes refuse.
            let _ = rustix::fs::fchmod(&file, mode);
        }
        let descriptor =
            SegmentDescriptor::new(file, &stat).ok_or(Unmade::NoLocks(Errno::NOLCK)).inspect_err(|_| remove())?;
        rustix::fs::flock(descriptor.borrow(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| if errno == Errno::WOULDBLOCK { Unmade::Taken(errno) } else { Unmade::NoLocks(errno) })
            .inspect_err(|_| remove())?;
        // Before the lock, the consumer may have taken it for one that was left behind.
        match rustix::fs::fstat(descriptor.borrow()) {
            Ok(stat) if stat.st_nlink == 0 => return Err(Unmade::Taken(Errno::NOENT)),
            Ok(_) => {}
            Err(errno) => {
                remove();
                return Err(Unmade::Refused(errno));
            }
        }
        let made = now.queued_at().nanos();
        Ok(Segment { name, path, descriptor, bytes: 0, is_name_synced: false, made, checked: made })
    }

    pub(super) fn name(&self) -> SegmentName {
        self.name
    }

    /// Whether it takes a record of so many bytes now.
    pub(super) fn takes(&self, record_bytes: usize, now: Now) -> bool {
        self.bytes + record_bytes as u64 <= SEGMENT_BYTES as u64 && !has_passed(MAX_AGE, self.made, now)
    }

    /// Whether it is time to check the name of the segment, and who reads it.
    pub(super) fn is_check_due(&self, now: Now) -> bool {
        has_passed(CHECK_INTERVAL, self.checked, now)
    }

    /// Checks whether descriptor and name are still those of the segment.
    pub(super) fn is_in_place(&mut self, now: Now) -> bool {
        self.checked = now.queued_at().nanos();
        let named = rustix::fs::statat(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW);
        named.is_ok_and(|named| self.descriptor.is_file(&named)) && self.descriptor.is_ours()
    }

    /// Appends a record in one write. Returns where it begins.
    pub(super) fn append(&mut self, record: &[u8], durability: Durability) -> Result<u64, Failure> {
        let offset = self.bytes;
        match write(&self.descriptor, record) {
            Ok(written) if written == record.len() => {}
            Ok(0) => return Err(Failure::Refused(Errno::NOSPC)),
            Ok(_) => {
                // What is there of it is no record. Without it there is nothing to be reported as damaged.
                self.take_back(offset);
                return Err(Failure::Unusable(Errno::NOSPC));
            }
            // Code outside has closed it.
            Err(errno @ Errno::BADF) => return Err(Failure::Unusable(errno)),
            Err(errno) => return Err(Failure::Refused(errno)),
        }
        self.bytes += record.len() as u64;
        if let Err(errno) = self.sync(durability) {
            self.take_back(offset);
            return Err(Failure::NotSynced(errno));
        }
        Ok(offset)
    }

    fn take_back(&self, offset: u64) {
        if self.descriptor.is_ours() {
            let _ = rustix::fs::ftruncate(self.descriptor.borrow(), offset);
        }
    }

    fn sync(&mut self, durability: Durability) -> Result<(), Errno> {
        match durability {
            Durability::None => Ok(()),
            Durability::Data => rustix::fs::fdatasync(self.descriptor.borrow()),
            Durability::Full => {
                rustix::fs::fsync(self.descriptor.borrow())?;
                if !self.is_name_synced {
                    // It has a parent.
                    let folder = self.path.parent().unwrap_or(Path::new("/"));
                    rustix::fs::open(folder, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
                        .and_then(|folder| rustix::fs::fsync(folder.as_fd()))?;
                    self.is_name_synced = true;
                }
                Ok(())
            }
        }
    }

    /// Deletes the segment, whose first record was not written.
    pub(super) fn discard(self) {
        if self.descriptor.is_ours() {
            let _ = rustix::fs::unlink(&self.path);
        }
    }
}

/// Why a file did not become a segment.
enum Unmade {
    /// The name, the lock or the file is somebody else's.
    Taken(Errno),
    /// The folder was deleted.
    Gone,
    NoLocks(Errno),
    Refused(Errno),
}

/// Whether so much time has passed, or the clock was set back.
fn has_passed(interval: Duration, since: u64, now: Now) -> bool {
    now.queued_at().nanos().checked_sub(since).is_none_or(|passed| u128::from(passed) >= interval.as_nanos())
}

fn write(descriptor: &SegmentDescriptor, record: &[u8]) -> Result<usize, Errno> {
    loop {
        match rustix::io::write(descriptor.borrow(), record) {
            Err(Errno::INTR) => {}
            written => return written,
        }
    }
}
