//! Which publications for channels may still wait in outboxes, and what memory those share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;

use crate::publication::Seq;

/// Kept by each part of an outbox that holds publications of one turn of the hub's thread.
#[derive(Debug, Clone)]
pub(super) struct Ticket(Arc<Instant>);

/// The turns of which parts wait in outboxes, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    turns: VecDeque<Turn>,
    /// Bytes that outboxes share, each once.
    shared_bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Turn {
    /// The last publication before it.
    before: Seq,
    ticket: Ticket,
}

/// Bytes that several outboxes share. They are in the sum as long as one of those has them.
struct Shared {
    bytes: Box<[u8]>,
    sum: Arc<AtomicUsize>,
}

impl Ticket {
    /// When the turn was.
    pub(super) fn time(&self) -> Instant {
        *self.0
    }
}

impl Turn {
    /// Whether something of it waits.
    fn waits(&self) -> bool {
        Arc::strong_count(&self.ticket.0) > 1
    }
}

impl Undelivered {
    /// Begins a turn of which something waits.
    pub(super) fn begin_turn(&mut self, before: Seq, now: Instant) -> Ticket {
        // One that waits for long at the front does not keep all that came after it.
        while self.turns.back().is_some_and(|turn| !turn.waits()) {
            self.turns.pop_back();
        }
        let ticket = Ticket(Arc::new(now));
        self.turns.push_back(Turn { before, ticket: ticket.clone() });
        ticket
    }

    /// Copies bytes that outboxes are going to share.
    pub(super) fn share(&self, bytes: &[u8]) -> Bytes {
        self.shared_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Shared { bytes: bytes.into(), sum: self.shared_bytes.clone() })
    }

    /// The last publication of which, and of all before it, nothing waits. `last` is the last of all.
    pub(super) fn delivered(&mut self, last: Seq) -> Seq {
        while self.turns.front().is_some_and(|turn| !turn.waits()) {
            self.turns.pop_front();
        }
        self.turns.front().map_or(last, |turn| turn.before)
    }

    /// Bytes that outboxes share.
    pub(super) fn shared_bytes(&self) -> usize {
        self.shared_bytes.load(Ordering::Relaxed)
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_longest_counts() {
        let mut undelivered = Undelivered::default();
        assert_eq!(undelivered.delivered(Seq(3)), Seq(3));
        let first = undelivered.begin_turn(Seq(3), Instant::now());
        let second = undelivered.begin_turn(Seq(7), Instant::now());
        let again = first.clone();
        drop((first, second));
        assert_eq!(undelivered.delivered(Seq(9)), Seq(3));
        drop(again);
        assert_eq!(undelivered.delivered(Seq(9)), Seq(9));
    }

    #[test]
    fn turns_behind_one_that_waits_are_forgotten_when_nothing_of_them_waits() {
        let mut undelivered = Undelivered::default();
        let first = undelivered.begin_turn(Seq(0), Instant::now());
        for seq in 1..100 {
            drop(undelivered.begin_turn(Seq(seq), Instant::now()));
        }
        assert_eq!(undelivered.turns.len(), 2);
        assert_eq!(undelivered.delivered(Seq(100)), Seq(0));
        drop(first);
        assert_eq!(undelivered.delivered(Seq(100)), Seq(100));
    }

    #[test]
    fn shared_bytes_count_once_and_as_long_as_somebody_has_them() {
        let undelivered = Undelivered::default();
        let shared = undelivered.share(b"0123456789");
        let (mut again, other) = (shared.clone(), undelivered.share(b"abc"));
        again.truncate(1);
        assert_eq!(undelivered.shared_bytes(), 13);
        drop(shared);
        assert_eq!((undelivered.shared_bytes(), &again[..]), (13, b"0".as_slice()));
        drop(again);
        assert_eq!((undelivered.shared_bytes(), &other[..]), (3, b"abc".as_slice()));
    }
}
