//! Which publications for channels may still wait in outboxes, and what memory those share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::publication::Seq;

/// Kept by each part of an outbox that holds publications of one turn of the hub's thread.
#[derive(Debug, Clone)]
pub(super) struct Ticket(Arc<Instant>);

/// The turns of which parts wait in outboxes, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    turns: VecDeque<Turn>,
    shared_bytes: usize,
}

#[derive(Debug)]
struct Turn {
    /// The last publication before it.
    before: Seq,
    ticket: Ticket,
    /// Bytes that several outboxes share.
    shared_bytes: usize,
}

impl Ticket {
    /// When the turn was.
    pub(super) fn time(&self) -> Instant {
        *self.0
    }
}

impl Undelivered {
    /// Begins a turn of which something waits.
    pub(super) fn begin_turn(&mut self, before: Seq, now: Instant) -> Ticket {
        let ticket = Ticket(Arc::new(now));
        self.turns.push_back(Turn { before, ticket: ticket.clone(), shared_bytes: 0 });
        ticket
    }

    /// Notes bytes that outboxes share, of the last turn.
    pub(super) fn share(&mut self, bytes: usize) {
        if let Some(turn) = self.turns.back_mut() {
            turn.shared_bytes += bytes;
            self.shared_bytes += bytes;
        }
    }

    /// The last publication of which, and of all before it, nothing waits. `last` is the last of all.
    pub(super) fn delivered(&mut self, last: Seq) -> Seq {
        while let Some(turn) = self.turns.front()
            && Arc::strong_count(&turn.ticket.0) == 1
        {
            self.shared_bytes -= turn.shared_bytes;
            self.turns.pop_front();
        }
        self.turns.front().map_or(last, |turn| turn.before)
    }

    /// Bytes that outboxes share.
    pub(super) fn shared_bytes(&self) -> usize {
        self.shared_bytes
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
        undelivered.share(10);
        let second = undelivered.begin_turn(Seq(7), Instant::now());
        let again = first.clone();
        drop((first, second));
        assert_eq!((undelivered.delivered(Seq(9)), undelivered.shared_bytes()), (Seq(3), 10));
        drop(again);
        assert_eq!((undelivered.delivered(Seq(9)), undelivered.shared_bytes()), (Seq(9), 0));
    }
}
