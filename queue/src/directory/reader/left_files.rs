//! Files that were read and left where they are: a producer may still be writing them, they are not ours, a newer
//! program wrote them, or they cannot be put aside. They are not read again before they have changed or their time has come.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::directory::entry::FileName;
use crate::directory::file::{Stamp, attempt};
use crate::entry_error::EntryError;

/// A file that has not changed for long is checked this often.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// One that cannot be read is tried again after this time at first.
const MIN_UNREADABLE_PAUSE: Duration = Duration::from_secs(1);

/// Files in the directory that are left alone: because they are no attempts at events, or because a newer program wrote
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFiles {
    /// One of them.
    pub name: FileName,
    /// How many there are.
    pub files: usize,
    /// Why that one cannot be read, if that is so. It is tried again, unless a newer program wrote it.
    pub problem: Option<String>,
}

/// Why a file was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaveReason {
    /// Its producer may still be writing it, for this long at most.
    MayGrow(Duration),
    /// It cannot be read, and its name does not say that it is an event. Its rights may be corrected.
    Unreadable,
    /// It is no attempt at an event.
    NotOurs,
    /// A newer program wrote it, which is to read it as well.
    Newer,
    /// It is to be put aside, and the system refuses that.
    CannotReject,
}

#[derive(Debug)]
pub(super) struct LeftFiles {
    files: HashMap<FileName, LeftFile>,
    /// Those that cannot be put aside, in the order in which they are tried again.
    unrejectable: VecDeque<FileName>,
    /// Files that are no attempts at events and that the caller does not know yet.
    other_files: Option<OtherFiles>,
    /// Entries of newer programs that the caller does not know yet.
    newer_entries: Option<OtherFiles>,
    max_files: usize,
    /// How long a file that does not parse may still be growing.
    grace: Duration,
    clock: Clock,
    /// Counts the listings, to forget files that are gone.
    listing: u64,
}

#[derive(Debug)]
struct LeftFile {
    stamp: Stamp,
    reason: LeaveReason,
    /// When it was first seen with this stamp, by the monotonic clock.
    since: Instant,
    /// When it is read again although it has not changed.
    read_at: Option<Instant>,
    /// When the next system call checks whether it has changed.
    check_at: Instant,
    listing: u64,
}

impl LeftFiles {
    pub(super) fn new(max_files: usize, grace: Duration, clock: Clock) -> LeftFiles {
        LeftFiles {
            files: HashMap::new(),
            unrejectable: VecDeque::new(),
            other_files: None,
            newer_entries: None,
            max_files,
            grace,
            clock,
            listing: 0,
        }
    }

    /// Decides whether a file that is no event is left where it is: because it may still become one, or is not ours.
    pub(super) fn leave(&mut self, name: &FileName, stamp: Stamp, error: &EntryError, content: &[u8]) -> bool {
        let now = Instant::now();
        if error.may_pass() {
            // Both are lower bounds of its age: its modification time, and how long it was seen unchanged.
            let age = self.clock.age(stamp.modified()).max(self.unchanged_for(name, stamp, now));
            if let Some(rest) = self.grace.checked_sub(age).filter(|rest| !rest.is_zero()) {
                self.remember(name, stamp, LeaveReason::MayGrow(rest), now);
                return true;
            }
        }
        let reason = match error {
            error if error.is_newer() => LeaveReason::Newer,
            _ if attempt::is_attempt(name, content) => return false,
            EntryError::Unreadable(_) => LeaveReason::Unreadable,
            _ => LeaveReason::NotOurs,
        };
        if self.remember(name, stamp, reason, now) {
            let problem = (reason != LeaveReason::NotOurs).then(|| error.to_string());
            let first = || OtherFiles { name: name.clone(), files: 0, problem };
            let found = if reason == LeaveReason::Newer { &mut self.newer_entries } else { &mut self.other_files };
            found.get_or_insert_with(first).files += 1;
        }
        true
    }

    /// Leaves a file that cannot be put aside.
    pub(super) fn leave_unrejectable(&mut self, name: &FileName, stamp: Stamp) {
        self.remember(name, stamp, LeaveReason::CannotReject, Instant::now());
    }

    /// The files that are no attempts at events and that were found since the last call.
    pub(super) fn take_other_files(&mut self) -> Option<OtherFiles> {
        self.other_files.take()
    }

    /// The entries of newer programs that were found since the last call.
    pub(super) fn take_newer_entries(&mut self) -> Option<OtherFiles> {
        self.newer_entries.take()
    }

    /// How long a file is known with this stamp.
    fn unchanged_for(&self, name: &FileName, stamp: Stamp, now: Instant) -> Duration {
        let known = self.files.get(name).filter(|left| left.stamp == stamp);
        known.map_or(Duration::ZERO, |left| now.saturating_duration_since(left.since))
    }

    /// Remembers a file. Returns whether that is new: it was not remembered with this stamp and this reason.
    fn remember(&mut self, name: &FileName, stamp: Stamp, reason: LeaveReason, now: Instant) -> bool {
        let read_at = match reason {
            LeaveReason::MayGrow(time) => Some(now + time),
            // Rights are no part of the stamp, so nothing else shows that they have changed.
            LeaveReason::Unreadable => {
                let pause = self.unchanged_for(name, stamp, now) / 4;
                Some(now + pause.clamp(MIN_UNREADABLE_PAUSE, MAX_PAUSE))
            }
            LeaveReason::NotOurs | LeaveReason::Newer | LeaveReason::CannotReject => None,
        };
        if reason == LeaveReason::CannotReject && self.unrejectable.len() < self.max_files {
            self.unrejectable.push_back(name.clone());
        }
        if let Some(left) = self.files.get_mut(name).filter(|left| left.stamp == stamp) {
            left.read_at = read_at;
            left.listing = self.listing;
            return std::mem::replace(&mut left.reason, reason) != reason;
        }
        // Files that are not ours are never deleted here, so they may fill only half of the places. A file without a place is
        // read again.
        let places = if matches!(reason, LeaveReason::NotOurs | LeaveReason::Unreadable | LeaveReason::Newer) {
            self.max_files / 2
        } else {
            self.max_files
        };
        if self.files.len() < places {
            let left = LeftFile { stamp, reason, since: now, read_at, check_at: now, listing: self.listing };
            self.files.insert(name.clone(), left);
        }
        true
    }

    pub(super) fn forget(&mut self, name: &FileName) {
        if !self.files.is_empty() {
            self.files.remove(name);
        }
    }

    /// Begins a listing of the directory.
    pub(super) fn begin_listing(&mut self) {
        self.listing += 1;
    }

    /// Tells whether a listed file is still to be left. `stamp` asks the system for its present stamp.
    pub(super) fn is_left(&mut self, name: &FileName, now: Instant, stamp: impl FnOnce() -> Option<Stamp>) -> bool {
        // The usual case; it saves hashing the name.
        if self.files.is_empty() {
            return false;
        }
        let Some(left) = self.files.get_mut(name) else { return false };
        left.listing = self.listing;
        if left.read_at.is_some_and(|due| due <= now) {
            return false;
        }
        if now < left.check_at {
            return true;
        }
        // The longer a file is unchanged, the more seldom it is checked. Changes are usually reported.
        left.check_at = now + (now.saturating_duration_since(left.since) / 4).min(MAX_PAUSE);
        stamp().is_none_or(|stamp| stamp == left.stamp)
    }

    /// Ends a listing that was complete: files that it did not show are gone.
    pub(super) fn end_listing(&mut self) {
        let listing = self.listing;
        self.files.retain(|_, left| left.listing == listing);
    }

    /// Takes out some of those that could not be put aside, to be read and put aside again.
    pub(super) fn take_unrejectable(&mut self, count: usize) -> Vec<FileName> {
        self.unrejectable.drain(..count.min(self.unrejectable.len())).collect()
    }

    pub(super) fn has_unrejectable(&self) -> bool {
        !self.unrejectable.is_empty()
    }
}
