//! How the consumer learns that something happened: the file system's reports, doorbells of other threads, and a timer.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use queue::clear_of_standard;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

/// Bytes of reports that are read at once: some 1,000 names.
const REPORTS: usize = 64 * 1024;

/// Tells of files that appear in one directory, and of what becomes of its lock file.
#[derive(Debug)]
pub(crate) struct Watch {
    inotify: OwnedFd,
}

/// What was reported beside the files that appeared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reported {
    /// Nothing is missing; the kernel drops what finds no place (fs.inotify.max_queued_events).
    pub(crate) all: bool,
    /// Something happened to the directory itself or to its lock file.
    pub(crate) itself: bool,
}

impl Watch {
    /// Watches a directory and its lock file.
    ///
    /// # Errors
    /// When the system has no watch left or the file system cannot be watched. A timer does then, only slower.
    pub(crate) fn new(directory: &Path) -> io::Result<Watch> {
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        // An entry of ours appears (CREATE, or MOVED_TO by rename); one of another producer is complete when it is closed.
        let reports = inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::CLOSE_WRITE
            | inotify::WatchFlags::DELETE_SELF
            | inotify::WatchFlags::MOVE_SELF
            | inotify::WatchFlags::ONLYDIR;
        let inotify = clear_of_standard(inotify);
        inotify::add_watch(&inotify, directory, reports)?;
        let watch = Watch { inotify };
        watch.follow_lock(directory);
        Ok(watch)
    }

    /// Watches the lock file, which may be another than before. Without it, it is looked at by a timer.
    pub(crate) fn follow_lock(&self, directory: &Path) {
        // Deletions in the directory are not asked for: there is one for each entry. That of a file that is open shows as
        // a change of its number of names.
        let reports = inotify::WatchFlags::ATTRIB | inotify::WatchFlags::MOVE_SELF | inotify::WatchFlags::DONT_FOLLOW;
        let _ = inotify::add_watch(&self.inotify, queue::lock_file(directory), reports);
    }

    /// Reads a portion of what was reported: names in the order in which the files appeared.
    pub(crate) fn read(&self, mut appeared: impl FnMut(&OsStr)) -> Reported {
        let mut buffer = [MaybeUninit::<u8>::uninit(); REPORTS];
        let mut reports = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut reported = Reported { all: true, itself: false };
        // The only failure is that there is nothing to read.
        while let Ok(report) = reports.next() {
            reported.all &= !report.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
            match report.file_name() {
                Some(name) => appeared(OsStr::from_bytes(name.to_bytes())),
                None => reported.itself = true,
            }
            if reports.is_buffer_empty() {
                break;
            }
        }
        reported
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// Wakes a thread that waits in [`wait`].
#[derive(Debug)]
pub(crate) struct Doorbell {
    eventfd: OwnedFd,
}

impl Doorbell {
    pub(crate) fn new() -> io::Result<Doorbell> {
        Ok(Doorbell { eventfd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    pub(crate) fn ring(&self) {
        // The only failure is a full counter, and then it rings already.
        let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
    }

    pub(crate) fn clear(&self) {
        let _ = rustix::io::read(&self.eventfd, &mut [0u8; 8]);
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

/// Waits until one of the descriptors has something to say, or the time is over.
pub(crate) fn wait(descriptors: &[BorrowedFd<'_>], timeout: Duration) -> io::Result<()> {
    let mut descriptors: Vec<PollFd<'_>> =
        descriptors.iter().map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN)).collect();
    let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
    match poll(&mut descriptors, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
