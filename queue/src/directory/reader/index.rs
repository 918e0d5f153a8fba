//! Which entries were found and are not yet read, and which part of a listing is reliable.
//!
//! A listing shows every file that was there before it began. Of the files that appear meanwhile it may show a later
//! one and miss an earlier one of the same producer. An entry is therefore settled, which means that no older one can
//! be missing, only if it was queued before the listing began, if the previous listing showed it too, or if it is
//! reported.

use std::collections::{BTreeSet, HashSet};

use crate::directory::entry::EntryName;
use crate::queued_at::{Now, QueuedAt};

/// An entry at its place in the order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Indexed {
    pub(super) queued_at: QueuedAt,
    pub(super) name: EntryName,
}

/// Entries that were found and are not yet read.
#[derive(Debug)]
pub(super) struct Index {
    /// Settled, oldest first.
    entries: BTreeSet<Indexed>,
    /// Seen by the latest listing, and not settled.
    unsettled: HashSet<EntryName>,
    /// There may be entries that are neither here nor will be reported: only a listing finds them.
    lost_track: bool,
    max_entries: usize,
}

/// What a listing of the directory has found so far.
pub(super) struct Listing {
    began: QueuedAt,
    settled: Vec<Indexed>,
    unsettled: HashSet<EntryName>,
    /// Nothing was left out because there were too many.
    is_complete: bool,
}

impl Index {
    /// An empty index. It needs a listing.
    pub(super) fn new(max_entries: usize) -> Index {
        Index { entries: BTreeSet::new(), unsettled: HashSet::new(), lost_track: true, max_entries }
    }

    /// Notes that entries may have appeared that were not reported.
    pub(super) fn lose_track(&mut self) {
        self.lost_track = true;
    }

    /// Tells whether the directory must be listed before the next entry is known.
    pub(super) fn needs_listing(&self) -> bool {
        self.entries.is_empty() && (self.lost_track || !self.unsettled.is_empty())
    }

    /// Tells whether the latest listing found only entries that are not settled. The next listing settles them.
    pub(super) fn has_only_unsettled(&self) -> bool {
        self.entries.is_empty() && !self.unsettled.is_empty()
    }

    /// Tells whether a reported entry can be added. If not, the next listing has it: an entry that was not reported
    /// must not be overtaken.
    pub(super) fn takes_reports(&mut self) -> bool {
        self.lost_track |= self.entries.len() >= self.max_entries;
        !self.lost_track
    }

    /// Notes that an entry was reported, so that nothing older is missing.
    pub(super) fn settle(&mut self, name: &EntryName) {
        self.unsettled.remove(name);
    }

    pub(super) fn insert(&mut self, entry: Indexed) {
        self.entries.insert(entry);
    }

    /// Takes out the oldest entry.
    pub(super) fn take_oldest(&mut self) -> Option<Indexed> {
        self.entries.pop_first()
    }

    /// Begins a listing. It counts from before the directory is opened.
    pub(super) fn begin_listing(&self) -> Listing {
        let began = Now::read().queued_at();
        Listing { began, settled: Vec::new(), unsettled: HashSet::new(), is_complete: true }
    }

    /// Adds an entry to a listing.
    pub(super) fn add(&self, listing: &mut Listing, entry: Indexed) {
        if entry.queued_at < listing.began || self.unsettled.contains(&entry.name) {
            listing.settled.push(entry);
            if listing.settled.len() >= 2 * self.max_entries {
                listing.keep_oldest(self.max_entries);
            }
        } else if listing.unsettled.len() < self.max_entries {
            listing.unsettled.insert(entry.name);
        } else {
            listing.is_complete = false;
        }
    }

    /// Replaces what was known by what a listing found.
    pub(super) fn end_listing(&mut self, mut listing: Listing) {
        listing.keep_oldest(self.max_entries);
        self.entries = listing.settled.into_iter().collect();
        self.unsettled = listing.unsettled;
        self.lost_track = !listing.is_complete;
    }
}

impl Listing {
    /// Leaves out the newest settled entries beyond a count.
    fn keep_oldest(&mut self, count: usize) {
        if self.settled.len() > count {
            self.settled.select_nth_unstable(count);
            self.settled.truncate(count);
            self.is_complete = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(index: &mut Index, entries: &[(&str, u64)]) {
        let mut listing = index.begin_listing();
        for &(name, nanos) in entries {
            index.add(&mut listing, Indexed { queued_at: QueuedAt::from_nanos(nanos), name: EntryName::new(name) });
        }
        index.end_listing(listing);
    }

    fn taken(index: &mut Index) -> Vec<String> {
        std::iter::from_fn(|| index.take_oldest()).map(|entry| entry.name.to_string()).collect()
    }

    #[test]
    fn an_entry_that_is_newer_than_its_listing_waits_for_the_next_one() {
        let mut index = Index::new(10);
        assert!(index.needs_listing());
        list(&mut index, &[("new.json", u64::MAX), ("old.json", 1)]);
        assert_eq!(taken(&mut index), ["old.json"]);
        assert!(index.needs_listing() && index.has_only_unsettled());
        list(&mut index, &[("new.json", u64::MAX)]);
        assert_eq!(taken(&mut index), ["new.json"]);
        assert!(!index.needs_listing());
    }

    #[test]
    fn a_full_index_keeps_the_oldest_and_needs_another_listing() {
        let mut index = Index::new(2);
        list(&mut index, &[("5.json", 5), ("1.json", 1), ("4.json", 4), ("3.json", 3), ("2.json", 2)]);
        assert!(!index.needs_listing() && !index.takes_reports());
        assert_eq!(taken(&mut index), ["1.json", "2.json"]);
        assert!(index.needs_listing());
    }
}
