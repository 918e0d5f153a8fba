//! Which publications for channels may still wait in outboxes, and what memory those share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use foldhash::fast::RandomState;

use crate::hub::interest::ChannelKey;
use crate::hub::run::{Piece, Ticket};
use crate::publication::Seq;

/// Up to this size, `latest` is not searched for pieces that nobody waits for.
const MIN_LATEST: usize = 256;

/// The turns of which pieces wait in outboxes, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    turns: VecDeque<UndeliveredTurn>,
    /// Bytes that outboxes share, each once.
    shared_bytes: Arc<AtomicUsize>,
    /// The last piece of each channel, if that waits for somebody.
    latest: HashMap<ChannelKey, Weak<Piece>, RandomState>,
    /// How many of `latest` there may be until those are looked for that nobody waits for.
    latest_bound: usize,
}

#[derive(Debug)]
struct UndeliveredTurn {
    /// The last publication before it.
    before: Seq,
    ticket: Ticket,
}

impl UndeliveredTurn {
    /// Whether something of it waits.
    fn waits(&self) -> bool {
        self.ticket.is_kept()
    }
}

impl Undelivered {
    /// Begins a turn of which something waits.
    pub(super) fn begin_turn(&mut self, before: Seq, now: Instant) -> Ticket {
        // A turn that waits long at the front must not keep the finished turns after it in memory.
        while self.turns.back().is_some_and(|turn| !turn.waits()) {
            self.turns.pop_back();
        }
        let ticket = Ticket::new(now);
        self.turns.push_back(UndeliveredTurn { before, ticket: ticket.clone() });
        ticket
    }

    /// Copies bytes that outboxes are going to share.
    pub(super) fn share(&self, bytes: &[u8], ticket: Ticket) -> Arc<Piece> {
        Arc::new(Piece::shared(bytes, ticket, &self.shared_bytes))
    }

    /// Copies what a turn has for the subscribers of one channel. The piece of the turn before leads to it.
    pub(super) fn share_in_channel(&mut self, channel: ChannelKey, bytes: &[u8], ticket: Ticket) -> Arc<Piece> {
        let piece = self.share(bytes, ticket);
        if let Some(before) = self.latest.insert(channel, Arc::downgrade(&piece)).and_then(|piece| piece.upgrade()) {
            before.lead_to(piece.clone());
        }
        if self.latest.len() > self.latest_bound.max(MIN_LATEST) {
            self.latest.retain(|_, piece| piece.strong_count() > 0);
            self.latest.shrink_to_fit();
            self.latest_bound = self.latest.len() * 2;
        }
        piece
    }

    /// The last publication up to which everything is delivered. `last`: the last one that was published.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::run::Run;

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
    fn turns_after_one_that_waits_are_forgotten_when_nothing_of_them_waits() {
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
    fn a_piece_leads_to_the_next_of_its_channel_only() {
        let mut undelivered = Undelivered::default();
        let ticket = undelivered.begin_turn(Seq(0), Instant::now());
        let mut share =
            |key, text: &str| undelivered.share_in_channel(ChannelKey(key), text.as_bytes(), ticket.clone());
        let (first, other, second) = (share(1, "a"), share(2, "b"), share(1, "c"));
        let mut run = Run::new(first, 0);
        assert!(!run.extend(&other) && run.extend(&second));
        assert_eq!(undelivered.shared_bytes(), 3);
        drop((run, other, second));
        assert_eq!(undelivered.shared_bytes(), 0);
    }

    #[test]
    fn channels_for_which_nothing_waits_are_forgotten() {
        let mut undelivered = Undelivered::default();
        let ticket = undelivered.begin_turn(Seq(0), Instant::now());
        for key in 0..10_000 {
            undelivered.share_in_channel(ChannelKey(key), b"a", ticket.clone());
        }
        assert!(undelivered.latest.len() <= MIN_LATEST);
    }
}
