//! All that Redis ever had, and what it has lost of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::nodes::entries::Entry;
use crate::torture::message::EventKey;
use crate::torture::order::{Entries, Order, Place};
use crate::torture::producers::{Queued, now_millis};

#[derive(Debug, Default)]
pub(super) struct Seen {
    drawn: BTreeMap<Place, u32>,
    events: BTreeMap<Place, EventKey>,
    /// Events that were there already. Nobody gets them.
    copies: BTreeSet<Place>,
    /// Entries that somebody may have got, and that are not told at once of those who have not.
    lost: BTreeSet<Place>,
    /// Times within which a server has forgotten something.
    forgotten: Vec<RangeInclusive<u64>>,
}

/// For the end of a test.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
pub(super) struct Counts {
    entries: usize,
    events: usize,
    copies: usize,
    lost: usize,
    faults_that_lose: usize,
}

impl Seen {
    /// Notes what a stream had at one moment.
    pub(super) fn add(&mut self, entries: &[Entry]) {
        let mut there: HashSet<EventKey> = HashSet::new();
        let mut latest: HashMap<u32, u32> = HashMap::new();
        for entry in entries {
            let before = self.drawn.insert(entry.place, entry.drawn);
            assert!(before.is_none_or(|drawn| drawn == entry.drawn), "two entries have the place of {entry:?}");
            let Some(event) = entry.event else { continue };
            self.events.insert(entry.place, event);
            if there.insert(event) {
                let latest = latest.insert(event.0, event.1);
                assert!(latest < Some(event.1), "{entry:?} comes after {latest:?} of its producer");
            } else {
                self.copies.insert(entry.place);
            }
        }
    }

    /// Notes that a server has forgotten everything that it had, since a moment.
    pub(super) fn forgets_all(&mut self, since: u64, had: &[Entry]) {
        self.add(had);
        self.forgotten.push(since..=now_millis());
    }

    /// Notes that only a part is left. Broadcasters that have read further find out at once, others when the one finds
    /// out that had added it.
    pub(super) fn forgets(&mut self, since: u64, had: &[Entry], left: &[Entry]) {
        self.forgets_all(since, had);
        let left: HashSet<Place> = left.iter().map(|entry| entry.place).collect();
        self.lost.extend(had.iter().map(|entry| entry.place).filter(|place| !left.contains(place)));
    }

    pub(super) fn forgotten(&self) -> &[RangeInclusive<u64>] {
        &self.forgotten
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            entries: self.drawn.len(),
            events: self.events.values().collect::<HashSet<_>>().len(),
            copies: self.copies.len(),
            lost: self.lost.len(),
            faults_that_lose: self.forgotten.len(),
        }
    }

    /// # Panics
    /// When an event of a producer was never there, or was there and repeats the key of another.
    pub(super) fn into_order(self, lists: HashMap<u32, Vec<Queued>>) -> Order {
        let Seen { drawn, mut events, copies, lost, forgotten } = self;
        events.retain(|place, _| !copies.contains(place));
        let mut places: HashMap<EventKey, Vec<Place>> = HashMap::new();
        for (place, event) in &events {
            places.entry(*event).or_default().push(*place);
        }
        for (producer, list) in &lists {
            for (index, queued) in list.iter().enumerate() {
                let event = (*producer, index as u32);
                match places.get(&event).and_then(|places| places.first()) {
                    None => assert!(queued.is_repeat, "{event:?} was accepted, and is lost: Redis has never had it"),
                    Some(place) if queued.is_repeat => {
                        let began = list[index - 1].began;
                        let is_forgotten = forgotten.iter().any(|at| *at.end() >= began && *at.start() <= place.0);
                        assert!(is_forgotten, "{event:?} at {place:?} repeats the key of the one before it");
                    }
                    Some(_) => {}
                }
            }
        }
        Order::of_stream(lists, events, Entries { drawn, places, lost })
    }
}
