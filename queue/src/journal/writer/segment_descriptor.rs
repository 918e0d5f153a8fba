//! The descriptors of open segments, and what happens to them in a fork.
//!
//! A lock belongs to what a fork shares with its parent. A child that keeps such a descriptor keeps the segments of a
//! parent that has ended, and a child that unlocks one takes the lock away from a parent that lives. So they are closed
//! in the child, before anything else runs there, and never unlocked. A fork in the very moment in which another thread
//! has opened a segment and not noted it here is not covered: that segment is deleted when the child has ended.
//!
//! Code outside can close any descriptor, and its number then belongs to another file. So a number is only closed if it
//! still is that of the segment.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use rustix::fs::Stat;

use crate::descriptor::FIRST_DESCRIPTOR;

/// More segments are not open at once in a process.
const MAX_SEGMENTS: usize = 1024;
/// No number that we use: it is that of standard input.
const FREE: RawFd = 0;
const TAKEN: RawFd = -1;

static SLOTS: [Slot; MAX_SEGMENTS] = [const { Slot::new() }; MAX_SEGMENTS];
/// How many forks lie between this process and the one that has loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A place for one descriptor. A child can look at all of them at any time: that takes no lock and no memory.
struct Slot {
    number: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

impl Slot {
    const fn new() -> Slot {
        Slot { number: AtomicI32::new(FREE), device: AtomicU64::new(0), inode: AtomicU64::new(0) }
    }

    /// Whether the number is still that of the file.
    fn is_of(&self, number: RawFd) -> bool {
        // SAFETY: a number that is not open is only given to the system, which answers with an error.
        let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(number) });
        let named = (self.device.load(Ordering::Relaxed), self.inode.load(Ordering::Relaxed));
        stat.is_ok_and(|stat| identity(&stat) == named)
    }

    fn close(&self, number: RawFd) {
        if self.is_of(number) {
            // SAFETY: the number is that of the segment, and nobody else closes it.
            unsafe { rustix::io::close(number) };
        }
    }
}

/// Closes the descriptors of all open segments, which are those of the parent. Called in the child of a fork, before
/// anything else runs there.
pub fn close_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    for slot in &SLOTS {
        if slot.number.load(Ordering::Acquire) == FREE {
            continue;
        }
        let number = slot.number.swap(FREE, Ordering::Acquire);
        if number > FREE {
            slot.close(number);
        }
    }
}

/// Names this process among its forks.
pub(super) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Whether another process was named so.
pub(super) fn is_of_parent(forks_of_it: u32) -> bool {
    forks() != forks_of_it
}

/// A descriptor that a fork closes in the child.
#[derive(Debug)]
pub(super) struct SegmentDescriptor {
    slot: &'static Slot,
    number: RawFd,
    forks: u32,
}

impl SegmentDescriptor {
    /// Takes the descriptor of a file. `None`: there are too many, or its number is that of a standard stream.
    pub(super) fn new(file: OwnedFd, stat: &Stat) -> Option<SegmentDescriptor> {
        let number = file.as_raw_fd();
        if number < FIRST_DESCRIPTOR {
            return None;
        }
        let take = |slot: &&Slot| {
            slot.number.load(Ordering::Relaxed) == FREE
                && slot.number.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        let slot = SLOTS.iter().find(take)?;
        let (device, inode) = identity(stat);
        slot.device.store(device, Ordering::Relaxed);
        slot.inode.store(inode, Ordering::Relaxed);
        slot.number.store(file.into_raw_fd(), Ordering::Release);
        Some(SegmentDescriptor { slot, number, forks: forks() })
    }

    /// To use it. Whether it still is that of the segment is not checked.
    pub(super) fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: it is open until this value is dropped. If code outside has closed it, the system answers with an
        // error, or the number is that of another file, which `is_ours` finds out.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }

    /// Whether the number is still that of the segment.
    pub(super) fn is_ours(&self) -> bool {
        !is_of_parent(self.forks) && self.slot.is_of(self.number)
    }

    /// Whether a file is this one.
    pub(super) fn is_file(&self, stat: &Stat) -> bool {
        identity(stat) == (self.slot.device.load(Ordering::Relaxed), self.slot.inode.load(Ordering::Relaxed))
    }
}

impl Drop for SegmentDescriptor {
    fn drop(&mut self) {
        // In a fork it was closed, and the slot may have another by now.
        if !is_of_parent(self.forks) {
            // The slot is free afterwards, so that a fork that happens meanwhile closes it as well.
            self.slot.close(self.number);
            self.slot.number.store(FREE, Ordering::Release);
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number.fmt(formatter)
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
