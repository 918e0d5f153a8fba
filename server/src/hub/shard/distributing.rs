//! Writing to subscribers what their channels have. What a socket does not take waits in the outbox of its session, as a
//! reference to bytes that all sessions share to which the same is due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Shard;
use super::turn::Due;
use crate::application::Application;
use crate::hub::inbox::Arrivals;
use crate::publication::Seq;

/// How long subscribers are written to before the inbox is looked at again, if something waits there: an event for many
/// must not hold up one for few. Those that wait for their turn are never written to for longer at once.
const SLICE: Duration = Duration::from_millis(2);
/// Sessions that are written to between two looks at the time.
const WRITES_BETWEEN_LOOKS: usize = 16;
/// How long what the inbox brought counts as not offered while it waits for its turn. The source collects events for
/// as long, and an event for few must not wait for longer.
const OFFER_WAIT: Duration = Duration::from_millis(4);

/// Sessions whose sockets may take more, and that wait for their turn to be written to.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    sessions: VecDeque<u32>,
    /// When the turns came of which some wait, and how many of `sessions` have to be written to until none does.
    turns: VecDeque<WaitingTurn>,
    written: usize,
    pushed: usize,
}

#[derive(Debug)]
struct WaitingTurn {
    before: Seq,
    since: Instant,
    until: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    fn push(&mut self, key: usize) {
        self.sessions.push_back(key as u32);
        self.pushed += 1;
    }

    fn pop(&mut self) -> Option<usize> {
        let key = self.sessions.pop_front()?;
        self.written += 1;
        while self.turns.front().is_some_and(|turn| turn.until <= self.written) {
            self.turns.pop_front();
        }
        Some(key as usize)
    }

    fn end_turn(&mut self, before: Seq, now: Instant) {
        self.turns.push_back(WaitingTurn { before, since: now, until: self.pushed });
    }

    /// The last publication that was offered to all, if some have waited for their turn for a short time only.
    pub(super) fn offered(&self, last: Seq, now: Instant) -> Seq {
        let recent = self.turns.iter().find(|turn| now.saturating_duration_since(turn.since) < OFFER_WAIT);
        recent.map_or(last, |turn| turn.before)
    }
}

impl<A: Application> Shard<A> {
    /// Writes what the turn has to those to whom it is due, and leaves the rest to [`Self::write_waiting`] when the
    /// slice is over.
    pub(super) fn distribute(&mut self, now: Instant) {
        let Some(first) = self.turn.first() else { return };
        if self.turn.is_empty() {
            self.turn.end(&mut self.channels);
            return;
        }
        self.turn.find_sessions(&self.channels);
        let (begin, pushed) = (Instant::now(), self.waiting.pushed);
        let (mut index, mut is_over) = (0, false);
        while let Some(key) = self.turn.session(index) {
            index += 1;
            if index.is_multiple_of(WRITES_BETWEEN_LOOKS) && !is_over {
                is_over = self.is_slice_over(begin);
            }
            let Some(session) = self.sessions.get(key) else { continue };
            let Some(subscriber) = session.subscriber().filter(|_| !session.is_closing()) else { continue };
            let due = self.turn.due(key, session.id, subscriber, &self.channels);
            self.hand_over(key, due, is_over, now);
        }
        if self.waiting.pushed > pushed {
            self.waiting.end_turn(Seq(first.0 - 1), now);
        }
        self.turn.end(&mut self.channels);
        self.ticket = None;
    }

    /// The inbox is looked at again when something waits in it, and when the source should get to know how far this is.
    fn is_slice_over(&self, begin: Instant) -> bool {
        let passed = begin.elapsed();
        passed >= SLICE && (passed >= OFFER_WAIT || !self.inbox.look(Arrivals::is_empty))
    }

    /// Hands over to a session what it is due: to its socket, or to its outbox.
    fn hand_over(&mut self, key: usize, due: Due, is_over: bool, now: Instant) {
        if due == Due::Nothing {
            return;
        }
        let (messages, bytes) = (self.turn.messages(due), self.turn.bytes(due).len());
        self.turn_counts.sent(self.sessions[key].spoken, messages, bytes);
        let mut written = 0;
        if self.sessions[key].may_write_directly() && !is_over {
            match self.sessions[key].write_directly(self.turn.bytes(due), now) {
                Ok(taken) if taken == self.turn.bytes(due).len() => return,
                Ok(taken) => written = taken,
                Err(error) => {
                    tracing::debug!(session = self.sessions[key].id.0, %error, "connection broke");
                    return self.remove(key);
                }
            }
        }
        self.keep_for(key, due, written, now);
        let session = &mut self.sessions[key];
        if session.blocked {
            self.behind.insert(key);
        } else if !std::mem::replace(&mut session.is_waiting, true) {
            self.waiting.push(key);
        }
        if session.outbox_len() > self.limits.max_outbox_bytes {
            self.bound_outbox(key, now);
        } else {
            self.count_memory(key);
        }
    }

    /// Puts what is due to a session into its outbox.
    fn keep_for(&mut self, key: usize, due: Due, written: usize, now: Instant) {
        let Some(first) = self.turn.first() else { return };
        let ticket = self.ticket.get_or_insert_with(|| self.undelivered.begin_turn(Seq(first.0 - 1), now)).clone();
        let piece = self.turn.keep(due, &mut self.undelivered, ticket);
        self.sessions[key].push_publications(piece, written);
    }

    /// Moves what the turn has for a session up to a publication into its outbox, so that what is put there next comes
    /// after it.
    pub(super) fn flush_turn(&mut self, key: usize, until: Seq, now: Instant) {
        let session = &self.sessions[key];
        let Some(subscriber) = session.subscriber().filter(|subscriber| subscriber.had < until) else { return };
        if self.turn.is_empty() || session.is_closing() {
            return;
        }
        if !self.turn.collect(session.id, subscriber, &self.channels, until).is_empty() {
            let (messages, bytes) = (self.turn.messages(Due::Own), self.turn.bytes(Due::Own).len());
            self.turn_counts.sent(self.sessions[key].spoken, messages, bytes);
            self.keep_for(key, Due::Own, 0, now);
        }
        if let Some(subscriber) = self.sessions[key].subscriber_mut() {
            subscriber.had = until;
        }
    }

    /// Writes to those that wait for their turn, as far as the slice goes.
    pub(super) fn write_waiting(&mut self, now: Instant) {
        let begin = Instant::now();
        let mut count = 0;
        while let Some(key) = self.waiting.pop() {
            count += 1;
            if let Some(session) = self.sessions.get_mut(key)
                && std::mem::take(&mut session.is_waiting)
                && !session.blocked
            {
                self.write(key, now);
            }
            if count % WRITES_BETWEEN_LOOKS == 0 && begin.elapsed() >= SLICE {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_offered_when_its_sessions_had_their_turn_or_waited_long() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        assert_eq!(waiting.offered(Seq(9), now), Seq(9));
        waiting.push(1);
        waiting.push(2);
        waiting.end_turn(Seq(4), now);
        waiting.push(3);
        waiting.end_turn(Seq(7), now + OFFER_WAIT);
        assert_eq!(waiting.offered(Seq(9), now), Seq(4));
        assert_eq!(waiting.offered(Seq(9), now + OFFER_WAIT), Seq(7), "the first has waited long");
        assert_eq!((waiting.pop(), waiting.pop()), (Some(1), Some(2)));
        assert_eq!(waiting.offered(Seq(9), now), Seq(7));
        assert_eq!(waiting.pop(), Some(3));
        assert_eq!(waiting.offered(Seq(9), now), Seq(9));
    }
}
