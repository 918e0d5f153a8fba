//! The numbers of descriptors that scripts rely on: 0, 1 and 2 are the standard streams or `/dev/null`, and the numbers
//! that `select()` takes are left to PHP.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use server::descriptors::duplicate;

/// The first that `select()` does not take: `stream_select()` and `proc_open()` with its pipes fail beyond.
pub(crate) const FD_SETSIZE: RawFd = 1024;

const STANDARD_ERROR: RawFd = 2;

/// Device and inode of standard error when PHP started.
static AT_START: OnceLock<Option<(u64, u64)>> = OnceLock::new();

/// Notes what standard error is before a script can close it.
pub(crate) fn note_standard_error() {
    AT_START.get_or_init(|| stat(STANDARD_ERROR).map(|stat| identity(&stat)));
}

/// A duplicate of standard error, under a number that a script does not close. None if standard error is closed, or if
/// its number now belongs to something else where log lines do harm, such as a connection or a file that the script
/// writes.
pub(crate) fn standard_error() -> Option<OwnedFd> {
    let current = stat(STANDARD_ERROR)?;
    let descriptor = borrow(STANDARD_ERROR);
    let flags = rustix::fs::fcntl_getfl(descriptor).ok()?;
    let is_the_same = AT_START.get().is_some_and(|noted| *noted == Some(identity(&current)));
    // Daemons close the standard streams and open a log instead.
    let is_log = match FileType::from_raw_mode(current.st_mode) {
        FileType::RegularFile => flags.contains(OFlags::APPEND),
        FileType::CharacterDevice | FileType::Fifo => true,
        _ => false,
    };
    let takes_lines = !(flags & OFlags::RWMODE).is_empty() && (is_the_same || is_log);
    takes_lines.then(|| duplicate(descriptor, FD_SETSIZE).ok()).flatten()
}

/// Opens `/dev/null` under the numbers of standard streams that are closed, so that nothing of a server gets them.
pub(crate) fn fill_standard() {
    let mut standard =
        [0, 1, STANDARD_ERROR].map(|number| PollFd::from_borrowed_fd(borrow(number), PollFlags::empty()));
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let is_closed = |standard: &PollFd<'_>| standard.revents().contains(PollFlags::NVAL);
    if poll(&mut standard, Some(&now)).is_err() || !standard.iter().any(is_closed) {
        return;
    }
    // The system gives the lowest number that is free. Children inherit it, as they inherit the standard streams.
    while let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()) {
        if null.as_raw_fd() > STANDARD_ERROR {
            return;
        }
        let _ = null.into_raw_fd();
    }
}

fn stat(number: RawFd) -> Option<Stat> {
    rustix::fs::fstat(borrow(number)).ok()
}

fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: a number that is not open is only given to the system, which answers with an error.
    unsafe { BorrowedFd::borrow_raw(number) }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
