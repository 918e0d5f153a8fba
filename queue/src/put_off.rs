//! Files that were looked at and left where they are: they may be growing, are not ours, or cannot be put aside. They are not
//! read again before they have changed or their time has come.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::entry::EntryName;
use crate::entry_file::Stamp;

/// A file that has not changed for long is looked at this often.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// One that cannot be read is tried again after this time at first.
const MIN_UNREADABLE_PAUSE: Duration = Duration::from_secs(1);

/// Why a file was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    /// Its producer may still be writing it, for this long at most.
    MayGrow(Duration),
    /// It cannot be read, and its name does not say that it is an event. Its rights may be corrected.
    Unreadable,
    /// It is no attempt at an event.
    NotOurs,
    /// It is to be put aside, and the system refuses that.
    CannotReject,
}

#[derive(Debug)]
pub(crate) struct PutOff {
    files: HashMap<EntryName, LeftFile>,
    /// Those that cannot be put aside, in the order in which they are tried again.
    unrejectable: VecDeque<EntryName>,
    max_files: usize,
    /// Counts the listings, to forget what is not there any more.
    listing: u64,
}

#[derive(Debug)]
struct LeftFile {
    stamp: Stamp,
    reason: LeaveReason,
    /// When it was first seen as it is now, by the monotonic clock.
    since: Instant,
    /// When it is read again although it has not changed.
    read_at: Option<Instant>,
    /// When it is worth a system call to see whether it has changed.
    look_at: Instant,
    listing: u64,
}

impl PutOff {
    pub(crate) fn new(max_files: usize) -> PutOff {
        PutOff { files: HashMap::new(), unrejectable: VecDeque::new(), max_files, listing: 0 }
    }

    /// For how long a file is known as it is now.
    pub(crate) fn unchanged_for(&self, name: &EntryName, stamp: Stamp, now: Instant) -> Duration {
        let known = self.files.get(name).filter(|left| left.stamp == stamp);
        known.map_or(Duration::ZERO, |left| now.saturating_duration_since(left.since))
    }

    /// Leaves a file. Returns whether that is new: it was not left before as it is now, for the same reason.
    pub(crate) fn leave(&mut self, name: &EntryName, stamp: Stamp, reason: LeaveReason, now: Instant) -> bool {
        let read_at = match reason {
            LeaveReason::MayGrow(time) => Some(now + time),
            // Rights are no part of the stamp, so nothing else shows that they have changed.
            LeaveReason::Unreadable => {
                let pause = self.unchanged_for(name, stamp, now) / 4;
                Some(now + pause.clamp(MIN_UNREADABLE_PAUSE, MAX_PAUSE))
            }
            LeaveReason::NotOurs | LeaveReason::CannotReject => None,
        };
        if reason == LeaveReason::CannotReject && self.unrejectable.len() < self.max_files {
            self.unrejectable.push_back(name.clone());
        }
        if let Some(left) = self.files.get_mut(name).filter(|left| left.stamp == stamp) {
            left.read_at = read_at;
            left.listing = self.listing;
            return std::mem::replace(&mut left.reason, reason) != reason;
        }
        // Files of others never leave: they must not take the place of those that do. Who finds no place is read again.
        let places = if matches!(reason, LeaveReason::NotOurs | LeaveReason::Unreadable) {
            self.max_files / 2
        } else {
            self.max_files
        };
        if self.files.len() < places {
            let left = LeftFile { stamp, reason, since: now, read_at, look_at: now, listing: self.listing };
            self.files.insert(name.clone(), left);
        }
        true
    }

    pub(crate) fn forget(&mut self, name: &EntryName) {
        if !self.files.is_empty() {
            self.files.remove(name);
        }
    }

    /// Begins a listing of the directory.
    pub(crate) fn begin_listing(&mut self) {
        self.listing += 1;
    }

    /// Tells whether a listed file is to be left, as before. `stamp` asks the system.
    pub(crate) fn is_left(&mut self, name: &EntryName, now: Instant, stamp: impl FnOnce() -> Option<Stamp>) -> bool {
        // The rule, and not worth the hash of a name then.
        if self.files.is_empty() {
            return false;
        }
        let Some(left) = self.files.get_mut(name) else { return false };
        left.listing = self.listing;
        if left.read_at.is_some_and(|due| due <= now) {
            return false;
        }
        if now < left.look_at {
            return true;
        }
        // The longer it has been as it is, the more rarely it is worth a look. What changes is reported, as a rule.
        left.look_at = now + (now.saturating_duration_since(left.since) / 4).min(MAX_PAUSE);
        stamp().is_none_or(|stamp| stamp == left.stamp)
    }

    /// Ends a listing that was complete: what it did not show is gone.
    pub(crate) fn end_listing(&mut self) {
        let listing = self.listing;
        self.files.retain(|_, left| left.listing == listing);
    }

    /// Takes out some of those that could not be put aside, to be read and put aside again.
    pub(crate) fn take_unrejectable(&mut self, count: usize) -> Vec<EntryName> {
        self.unrejectable.drain(..count.min(self.unrejectable.len())).collect()
    }

    pub(crate) fn has_unrejectable(&self) -> bool {
        !self.unrejectable.is_empty()
    }
}
