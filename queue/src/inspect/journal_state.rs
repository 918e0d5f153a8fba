//! The journal of a queue as the doctor looks at it: what is in the way of producers and of the consumer.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::survey::journal_folder;
use crate::descriptor::{DIRECTORY, UNTRUSTED_FILE};
use crate::journal::{JournalFolder, check_positions};
use crate::layout;
use crate::queued_at::QueuedAt;

/// Segments whose locks are asked for.
const MAX_ASKED: usize = 1_000;
/// A younger segment may belong to a producer that has not locked it yet, or that has ended a moment ago.
const MIN_AGE: Duration = Duration::from_secs(60);

/// What there is of a journal, and whether it can be used.
#[derive(Debug)]
pub struct JournalState {
    /// Segments.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Segments that are older than a minute and that no producer writes to any more, among the oldest 1,000.
    pub ended: usize,
    /// One of these.
    pub example: Option<PathBuf>,
    /// Whether files there can be locked. `None`: this process may not make one.
    pub locks: Option<io::Result<()>>,
    /// Whether the consumer can read how far it has acked.
    pub positions: io::Result<()>,
}

impl JournalState {
    /// Looks at the journal of a queue directory. `None`: it has none. Asks for the locks of segments as the consumer
    /// does, which is in no producer's way.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of(queue: &Path) -> io::Result<Option<JournalState>> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty())?;
        let Some(journal) = JournalFolder::open(directory.as_fd())? else { return Ok(None) };
        let mut state = JournalState {
            segments: 0,
            bytes: 0,
            ended: 0,
            example: None,
            locks: check_locks(journal.as_fd()),
            positions: check_positions(directory.as_fd()),
        };
        for (name, index) in journal.names()?.into_iter().zip(0..) {
            let Some(stat) = journal.stat(name) else { continue };
            state.segments += 1;
            state.bytes += stat.st_size.unsigned_abs();
            let made = name.earliest();
            if index < MAX_ASKED && is_old(made) && has_ended(journal.as_fd(), Path::new(&name.to_file_name())) {
                state.ended += 1;
                state.example.get_or_insert_with(|| journal_folder(queue).join(name.to_file_name()));
            }
        }
        Ok(Some(state))
    }
}

fn is_old(made: QueuedAt) -> bool {
    SystemTime::now().duration_since(made.to_system()).is_ok_and(|age| age >= MIN_AGE)
}

/// Whether no producer has the lock of a segment.
fn has_ended(folder: BorrowedFd<'_>, name: &Path) -> bool {
    rustix::fs::openat(folder, name, UNTRUSTED_FILE, Mode::empty())
        .and_then(|file| rustix::fs::flock(file, FlockOperation::NonBlockingLockShared))
        .is_ok()
}

/// Whether a lock keeps others out, on a file that has no name and so is nobody else's.
fn check_locks(folder: BorrowedFd<'_>) -> Option<io::Result<()>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, ".", flags, Mode::from_raw_mode(layout::ENTRY_MODE)).ok()?;
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    let other = rustix::fs::openat(CWD, again, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).and_then(|()| {
        match rustix::fs::flock(&other, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Ok(()),
            // It keeps nobody out.
            Ok(()) => Err(Errno::NOLCK),
            Err(errno) => Err(errno),
        }
    });
    Some(locked.map_err(Into::into))
}
