//! How the source learns that something happened: the file system's reports.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use queue::clear_of_standard;
use rustix::fs::inotify;

/// Bytes of reports that are read at once: some 1,000 names.
const REPORTS: usize = 64 * 1024;

/// Tells of files that appear in one directory, and of what becomes of its lock file.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
}

/// What was reported, in the order in which it happened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Report<'a> {
    /// A file has appeared.
    Appeared(&'a OsStr),
    /// Files have appeared here that were not reported: the kernel drops what finds no place
    /// (fs.inotify.max_queued_events). Those that are reported after this are newer.
    Dropped,
    /// Something happened to the directory itself or to its lock file.
    Itself,
}

impl Watch {
    /// Watches a directory and its lock file.
    ///
    /// # Errors
    /// When the system has no watch left or the file system cannot be watched. A timer does then, only slower.
    pub(super) fn new(directory: &Path) -> io::Result<Watch> {
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        // An entry of ours appears (CREATE, or MOVED_TO by rename); one of another producer is complete when it is
        // closed.
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
    pub(super) fn follow_lock(&self, directory: &Path) {
        // Deletions in the directory are not asked for: there is one for each entry. That of a file that is open shows
        // as a change of its number of names.
        let reports = inotify::WatchFlags::ATTRIB | inotify::WatchFlags::MOVE_SELF | inotify::WatchFlags::DONT_FOLLOW;
        let _ = inotify::add_watch(&self.inotify, queue::lock_file(directory), reports);
    }

    /// Reads a portion of what was reported.
    pub(super) fn read(&self, mut take: impl FnMut(Report<'_>)) {
        let mut buffer = [MaybeUninit::<u8>::uninit(); REPORTS];
        let mut reports = inotify::Reader::new(&self.inotify, &mut buffer);
        // The only failure is that there is nothing to read.
        while let Ok(report) = reports.next() {
            take(match report.file_name() {
                _ if report.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) => Report::Dropped,
                Some(name) => Report::Appeared(OsStr::from_bytes(name.to_bytes())),
                None => Report::Itself,
            });
            if reports.is_buffer_empty() {
                break;
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
