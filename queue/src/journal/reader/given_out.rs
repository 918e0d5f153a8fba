//! Which records of a segment were given out, and which of these are acked.

use std::collections::{BTreeMap, VecDeque};

/// Records are named by their offsets.
#[derive(Debug, Default)]
pub(super) struct GivenOut {
    /// Those from the first on that is not acked, in order.
    in_turn: VecDeque<Record>,
    /// Looked up by name before their turn, and whether they are acked.
    early: BTreeMap<u64, bool>,
}

#[derive(Debug)]
struct Record {
    offset: u64,
    is_acked: bool,
}

impl GivenOut {
    /// Notes the next record in the order of the segment. One that was looked up before keeps its ack.
    pub(super) fn push(&mut self, offset: u64) {
        let is_acked = self.early.remove(&offset).unwrap_or(false);
        self.in_turn.push_back(Record { offset, is_acked });
        self.forget_acked();
    }

    /// The first that is not acked, of those whose turn has come.
    pub(super) fn first(&self) -> Option<u64> {
        self.in_turn.front().map(|first| first.offset)
    }

    /// Notes that a record is given out before its turn.
    pub(super) fn push_early(&mut self, offset: u64) {
        self.early.insert(offset, false);
    }

    /// Takes that back.
    pub(super) fn remove_early(&mut self, offset: u64) {
        self.early.remove(&offset);
    }

    /// Whether a record was given out, and its turn has not come yet.
    pub(super) fn is_early(&self, offset: u64) -> bool {
        self.early.contains_key(&offset)
    }

    /// Whether that is acked as well.
    pub(super) fn is_acked_early(&self, offset: u64) -> bool {
        self.early.get(&offset) == Some(&true)
    }

    /// Whether a record is given out and not acked.
    pub(super) fn is_outstanding(&self, offset: u64) -> bool {
        self.early.get(&offset) == Some(&false)
            || self.index_of(offset).is_some_and(|index| !self.in_turn[index].is_acked)
    }

    /// Acks a record. Returns whether it was outstanding.
    pub(super) fn ack(&mut self, offset: u64) -> bool {
        if let Some(index) = self.index_of(offset) {
            let was_outstanding = !std::mem::replace(&mut self.in_turn[index].is_acked, true);
            self.forget_acked();
            return was_outstanding;
        }
        self.early.get_mut(&offset).is_some_and(|is_acked| !std::mem::replace(is_acked, true))
    }

    fn forget_acked(&mut self) {
        while self.in_turn.front().is_some_and(|first| first.is_acked) {
            self.in_turn.pop_front();
        }
    }

    fn index_of(&self, offset: u64) -> Option<usize> {
        // Most are acked in order.
        if self.in_turn.front()?.offset == offset {
            return Some(0);
        }
        self.in_turn.binary_search_by_key(&offset, |record| record.offset).ok()
    }
}
