//! Which entries were found and are not yet read, and which part of a listing is reliable.
//!
//! A listing shows every file that was there before it began. Of the files that appear meanwhile it may show a later
//! one and miss an earlier one of the same producer. An entry is therefore settled, which means that no older one can
//! be missing, only if it was queued before the listing began, if the previous listing showed it too, or if it is
//! reported.
//!
//! Entries wait in lanes, by their priority. The order holds within a lane.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use crate::directory::entry::FileName;
use crate::priority::{LANES, Priority};
use crate::queued_at::{Now, QueuedAt};

/// How long entries of a lane are taken after a listing, in times of what the listing took, before the next one may
/// look for entries of other lanes.
const LISTING_PAUSE: u32 = 20;

/// An entry at its place in the order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Indexed {
    pub(super) queued_at: QueuedAt,
    pub(super) name: FileName,
}

impl Indexed {
    fn lane(&self) -> usize {
        lane(&self.name)
    }
}

fn lane(name: &FileName) -> usize {
    name.form().priority().lane()
}

/// Entries that were found and are not yet read.
#[derive(Debug)]
pub(super) struct Index {
    /// Settled, by lane, oldest first.
    lanes: [BTreeSet<Indexed>; LANES],
    /// An entry of another lane than the usual one was found once.
    uses_lanes: bool,
    /// Seen by the latest listing, and not settled.
    unsettled: HashSet<FileName>,
    /// There may be entries that are neither here nor will be reported: only a listing finds them.
    lost_track: bool,
    /// Some of them may be older than those that are here.
    may_overlook: bool,
    /// The next entry is not known before a listing.
    is_listing_wanted: bool,
    /// When the directory may be listed although entries are left: a more urgent one may be there.
    listing_due: Instant,
    /// Most entries of a lane.
    max_entries: usize,
}

/// What a listing of the directory has found so far.
pub(super) struct Listing {
    began: QueuedAt,
    started: Instant,
    settled: [Vec<Indexed>; LANES],
    unsettled: HashSet<FileName>,
    /// Nothing was left out because there were too many.
    is_complete: bool,
}

impl Index {
    /// An empty index. It needs a listing.
    pub(super) fn new(max_entries: usize) -> Index {
        Index {
            lanes: Default::default(),
            uses_lanes: false,
            unsettled: HashSet::new(),
            lost_track: true,
            may_overlook: true,
            is_listing_wanted: false,
            listing_due: Instant::now(),
            max_entries,
        }
    }

    /// Notes that entries may have appeared that were not reported.
    pub(super) fn lose_track(&mut self) {
        self.lost_track = true;
        self.may_overlook = true;
    }

    /// Tells whether an entry may be missing here that is older than some of those that are here.
    pub(super) fn may_overlook(&self) -> bool {
        self.may_overlook || !self.unsettled.is_empty()
    }

    /// Asks for a listing at the next opportunity.
    pub(super) fn want_listing(&mut self) {
        self.is_listing_wanted = true;
    }

    pub(super) fn is_listing_wanted(&self) -> bool {
        self.is_listing_wanted
    }

    /// Tells whether the directory must be listed before the next entry is known.
    pub(super) fn needs_listing(&self) -> bool {
        let may_find_more = self.lost_track || !self.unsettled.is_empty();
        self.is_listing_wanted
            || may_find_more && (self.is_empty() || self.uses_lanes && self.listing_due <= Instant::now())
    }

    fn is_empty(&self) -> bool {
        self.lanes.iter().all(BTreeSet::is_empty)
    }

    /// Tells whether the latest listing found only entries that are not settled. The next listing settles them.
    pub(super) fn has_only_unsettled(&self) -> bool {
        self.is_empty() && !self.unsettled.is_empty()
    }

    /// Tells whether a reported entry can be added. If not, the next listing has it: an entry that was not reported, or
    /// that a listing has seen and not settled, must not be overtaken in its lane.
    pub(super) fn takes_report(&mut self, name: &FileName) -> bool {
        let lane = lane(name);
        self.uses_lanes |= is_special(lane);
        let is_unsettled = self.unsettled.contains(name);
        self.lost_track |= self.lanes[lane].len() >= self.max_entries || !self.unsettled.is_empty() && !is_unsettled;
        !self.lost_track
    }

    /// Notes that an entry was reported, so that nothing older is missing.
    pub(super) fn settle(&mut self, name: &FileName) {
        self.unsettled.remove(name);
    }

    pub(super) fn insert(&mut self, entry: Indexed) {
        self.lanes[entry.lane()].insert(entry);
    }

    /// When the first entry of a lane was queued.
    pub(super) fn first(&self, lane: usize) -> Option<QueuedAt> {
        self.lanes[lane].first().map(|entry| entry.queued_at)
    }

    /// Tells whether an entry of a lane may be missing here although none of that lane is known.
    pub(super) fn may_miss(&self, lane: usize) -> bool {
        self.lost_track && self.lanes[lane].is_empty()
    }

    /// Takes out the first entry of a lane.
    pub(super) fn take(&mut self, lane: usize) -> Option<Indexed> {
        self.lanes[lane].pop_first()
    }

    /// Begins a listing. It counts from before the directory is opened.
    pub(super) fn begin_listing(&self) -> Listing {
        let began = Now::read().queued_at();
        let started = Instant::now();
        Listing { began, started, settled: Default::default(), unsettled: HashSet::new(), is_complete: true }
    }

    /// Adds an entry to a listing.
    pub(super) fn add(&self, listing: &mut Listing, entry: Indexed) {
        if entry.queued_at < listing.began || self.unsettled.contains(&entry.name) {
            let lane = entry.lane();
            listing.settled[lane].push(entry);
            if listing.settled[lane].len() >= 2 * self.max_entries {
                listing.keep_oldest(lane, self.max_entries);
            }
        } else if listing.unsettled.len() < self.max_entries {
            listing.unsettled.insert(entry.name);
        } else {
            listing.is_complete = false;
        }
    }

    /// Replaces what was known by what a listing found.
    pub(super) fn end_listing(&mut self, mut listing: Listing) {
        for lane in 0..LANES {
            listing.keep_oldest(lane, self.max_entries);
            self.uses_lanes |= is_special(lane) && !listing.settled[lane].is_empty();
        }
        self.lanes = listing.settled.map(BTreeSet::from_iter);
        self.unsettled = listing.unsettled;
        self.lost_track = !listing.is_complete;
        (self.may_overlook, self.is_listing_wanted) = (false, false);
        let now = Instant::now();
        self.listing_due = now + LISTING_PAUSE * now.saturating_duration_since(listing.started);
    }
}

impl Listing {
    /// Leaves out the newest settled entries beyond a count.
    fn keep_oldest(&mut self, lane: usize, count: usize) {
        let settled = &mut self.settled[lane];
        if settled.len() > count {
            settled.select_nth_unstable(count);
            settled.truncate(count);
            self.is_complete = false;
        }
    }
}

/// Whether a lane is another one than that of ordinary entries.
fn is_special(lane: usize) -> bool {
    lane != Priority::Normal.lane()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(index: &mut Index, entries: &[(&str, u64)]) {
        let mut listing = index.begin_listing();
        for &(name, nanos) in entries {
            index.add(&mut listing, Indexed { queued_at: QueuedAt::from_nanos(nanos), name: FileName::new(name) });
        }
        index.end_listing(listing);
    }

    fn taken(index: &mut Index) -> Vec<String> {
        std::iter::from_fn(|| (0..LANES).find_map(|lane| index.take(lane)))
            .map(|entry| entry.name.to_string())
            .collect()
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
        assert!(!index.needs_listing() && !index.takes_report(&FileName::new("6.json")));
        assert_eq!(taken(&mut index), ["1.json", "2.json"]);
        assert!(index.needs_listing());
    }

    #[test]
    fn a_reported_entry_does_not_overtake_one_that_a_listing_has_seen_and_not_settled() {
        let mut index = Index::new(10);
        list(&mut index, &[("1.json", u64::MAX - 1)]);
        assert!(!index.takes_report(&FileName::new("2.json")));
        assert!(index.needs_listing());
        list(&mut index, &[("1.json", u64::MAX - 1), ("2.json", u64::MAX)]);
        assert_eq!(taken(&mut index), ["1.json"]);
        // That one itself is settled by its report.
        assert!(index.takes_report(&FileName::new("2.json")));
    }

    #[test]
    fn ordinary_entries_wait_in_the_lane_of_events_without_a_priority() {
        let mut index = Index::new(100);
        list(&mut index, &[("1.json", 1), ("2.events", 2), ("3.json", 3), ("4.high.events", 4)]);
        assert_eq!(taken(&mut index), ["4.high.events", "1.json", "2.events", "3.json"]);
    }

    #[test]
    fn an_urgent_entry_is_found_before_a_backlog_of_others_is_read() {
        let mut index = Index::new(2);
        list(&mut index, &[("1.json", 1), ("2.json", 2), ("3.json", 3)]);
        // Without lanes, everything that the index holds is read first.
        index.listing_due = Instant::now();
        assert!(!index.needs_listing());
        assert!(!index.takes_report(&FileName::new("4.high.events")));
        assert!(index.needs_listing());
        list(&mut index, &[("1.json", 1), ("2.json", 2), ("3.json", 3), ("4.high.events", 4)]);
        assert_eq!(taken(&mut index)[0], "4.high.events");
    }
}
