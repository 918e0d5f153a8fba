//! The ids of publications that came from the stream of several machines: which number on this machine is which entry
//! of the stream.

use std::collections::VecDeque;

use crate::protocol::id::StreamId;
use crate::publication::Seq;

/// How many ids are known at most. They take about 24 MiB. The oldest are forgotten first.
const MAX_IDS: usize = 1_000_000;

/// The ids of the last entries of the stream, without a hole.
#[derive(Debug)]
pub(super) struct StreamIds {
    /// The number of the first.
    first: Seq,
    /// In the order of the numbers, and of the stream. At least one.
    ids: VecDeque<StreamId>,
}

/// Where an id of the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It has a number here.
    At(Seq),
    /// It is behind all that have come so far.
    Ahead,
    /// It is not there any more, or never was.
    Nowhere,
}

impl StreamIds {
    /// With one entry, and the number that it has here.
    pub(super) fn beginning(number: Seq, id: StreamId) -> StreamIds {
        StreamIds { first: number, ids: VecDeque::from([id]) }
    }

    /// Adds the entry with the next number.
    pub(super) fn push(&mut self, id: StreamId) {
        self.ids.push_back(id);
        if self.ids.len() > MAX_IDS {
            self.ids.pop_front();
            self.first = self.first.plus(1);
        }
    }

    /// The entry that has a number. `None`: it is forgotten, or has not come.
    pub(super) fn of(&self, number: Seq) -> Option<StreamId> {
        self.ids.get(number.0.checked_sub(self.first.0)? as usize).copied()
    }

    /// The number of an entry.
    pub(super) fn find(&self, id: StreamId) -> Found {
        if self.ids.back().is_none_or(|last| last.place < id.place) {
            return Found::Ahead;
        }
        let place = |known: &StreamId| known.place;
        match self.ids.binary_search_by_key(&id.place, place) {
            Ok(index) if self.ids[index] == id => Found::At(self.first.plus(index)),
            _ => Found::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::id::StreamPlace;

    fn id(millis: u64, nonce: u32) -> StreamId {
        StreamId { place: StreamPlace { millis, number: 0 }, nonce }
    }

    #[test]
    fn an_entry_is_found_by_its_place_and_its_nonce() {
        let mut ids = StreamIds::beginning(Seq(7), id(100, 1));
        ids.push(id(105, 2));
        ids.push(id(110, 3));
        for (wanted, found) in [
            (id(100, 1), Found::At(Seq(7))),
            (id(110, 3), Found::At(Seq(9))),
            (id(110, 4), Found::Nowhere),
            (id(99, 1), Found::Nowhere),
            (id(107, 1), Found::Nowhere),
            (id(111, 1), Found::Ahead),
        ] {
            assert_eq!(ids.find(wanted), found, "{wanted:?}");
        }
        assert_eq!([7, 9, 10].map(|number| ids.of(Seq(number))), [Some(id(100, 1)), Some(id(110, 3)), None]);
    }

    #[test]
    fn so_many_are_known_and_no_more() {
        let mut ids = StreamIds::beginning(Seq(1), id(1, 1));
        (2..=MAX_IDS as u64 + 2).for_each(|millis| ids.push(id(millis, 1)));
        assert_eq!(ids.ids.len(), MAX_IDS);
        assert_eq!((ids.find(id(2, 1)), ids.find(id(3, 1))), (Found::Nowhere, Found::At(Seq(3))));
        assert_eq!((ids.of(Seq(2)), ids.of(Seq(3))), (None, Some(id(3, 1))));
    }
}
