//! What one thread of the hub counts. Only that thread writes it, or who takes a turn for it: nothing is shared while
//! events go out, and no cache line is.

use std::time::Duration;

use super::count::{Count, read, sums};
use super::histogram::{Counted, Histogram};
use super::labels::{CODES, Spoken, code_index};
use crate::disconnect::Disconnect;

/// Upper bounds of how long an event takes from PHP to the socket, in seconds.
const SEND_BOUNDS: [f64; 14] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 300.0];
/// Upper bounds of a turn, in seconds.
const TURN_BOUNDS: [f64; 12] = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1.0];

const SPOKEN: usize = Spoken::ALL.len();
/// The codes, and what is none of ours.
pub(crate) const CODE_COUNT: usize = CODES.len() + 1;

/// The counts of one thread. As large as the lines that processors take at once, of which some take two.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ThreadCounts {
    connections: [Count; SPOKEN],
    accepted: [Count; SPOKEN],
    sent: [Count; SPOKEN],
    sent_bytes: [Count; SPOKEN],
    received: [Count; SPOKEN],
    disconnects: [[Count; CODE_COUNT]; SPOKEN],
    slow: Count,
    /// Not recovered, recovered.
    recoveries: [Count; 2],
    outbox_bytes: Count,
    turns: Histogram<{ TURN_BOUNDS.len() }>,
    sends: Histogram<{ SEND_BOUNDS.len() }>,
}

/// What a turn has sent and received so far, in plain numbers.
#[derive(Debug, Default)]
pub(crate) struct TurnCounts {
    sent: [u64; SPOKEN],
    sent_bytes: [u64; SPOKEN],
    received: [u64; SPOKEN],
}

/// What all threads have counted.
#[derive(Debug)]
pub(crate) struct HubCounted {
    pub(crate) connections: [u64; SPOKEN],
    pub(crate) accepted: [u64; SPOKEN],
    pub(crate) sent: [u64; SPOKEN],
    pub(crate) sent_bytes: [u64; SPOKEN],
    pub(crate) received: [u64; SPOKEN],
    pub(crate) disconnects: [[u64; CODE_COUNT]; SPOKEN],
    pub(crate) slow: u64,
    pub(crate) recoveries: [u64; 2],
    pub(crate) outbox_bytes: u64,
    pub(crate) turns: Counted,
    pub(crate) sends: Counted,
}

impl TurnCounts {
    /// Notes messages that clients of one kind are given: each of them, and the bytes of all.
    pub(crate) fn sent(&mut self, spoken: Spoken, messages: usize, bytes: usize) {
        self.sent[spoken as usize] += messages as u64;
        self.sent_bytes[spoken as usize] += bytes as u64;
    }

    /// Notes messages of clients.
    pub(crate) fn received(&mut self, spoken: Spoken, messages: usize) {
        self.received[spoken as usize] += messages as u64;
    }
}

impl ThreadCounts {
    pub(super) fn new() -> ThreadCounts {
        ThreadCounts {
            connections: Default::default(),
            accepted: Default::default(),
            sent: Default::default(),
            sent_bytes: Default::default(),
            received: Default::default(),
            disconnects: Default::default(),
            slow: Count::default(),
            recoveries: Default::default(),
            outbox_bytes: Count::default(),
            turns: Histogram::new(&TURN_BOUNDS),
            sends: Histogram::new(&SEND_BOUNDS),
        }
    }

    /// Notes what a turn has done, and how many bytes wait for single clients after it.
    pub(crate) fn add_turn(&self, turn: &mut TurnCounts, outbox_bytes: usize) {
        let TurnCounts { sent, sent_bytes, received } = std::mem::take(turn);
        for (counts, numbers) in [(&self.sent, sent), (&self.sent_bytes, sent_bytes), (&self.received, received)] {
            counts.iter().zip(numbers).for_each(|(count, number)| count.add_alone(number));
        }
        self.outbox_bytes.set(outbox_bytes as u64);
    }

    /// Notes how long a turn took.
    pub(crate) fn turned(&self, duration: Duration) {
        self.turns.add_alone(duration);
    }

    /// Notes how long an event took from its producer to the sockets of this thread.
    pub(crate) fn sent_after(&self, duration: Duration) {
        self.sends.add_alone(duration);
    }

    /// Notes a client that came.
    pub(crate) fn joined(&self, spoken: Spoken) {
        self.accepted[spoken as usize].add_alone(1);
        self.connections[spoken as usize].add_alone(1);
    }

    /// Notes that the connection of a client has ended.
    pub(crate) fn left(&self, spoken: Spoken) {
        self.connections[spoken as usize].subtract_alone(1);
    }

    /// Notes that all connections have ended.
    pub(crate) fn all_left(&self) {
        self.connections.iter().for_each(|count| count.set(0));
    }

    /// Notes that a session ends: by us for a reason, or by the client.
    pub(crate) fn disconnected(&self, spoken: Spoken, reason: Option<Disconnect>) {
        self.disconnects[spoken as usize][code_index(spoken, reason)].add_alone(1);
        if reason == Some(Disconnect::Slow) {
            self.slow.add_alone(1);
        }
    }

    /// Notes a client that wanted to get what it had missed, and whether it gets all of that.
    pub(crate) fn resumed(&self, is_recovered: bool) {
        self.recoveries[usize::from(is_recovered)].add_alone(1);
    }
}

impl HubCounted {
    /// Sums what threads have counted.
    pub(super) fn of<'a>(threads: impl Iterator<Item = &'a ThreadCounts> + Clone) -> HubCounted {
        let sum = |of: fn(&ThreadCounts) -> &[Count; SPOKEN]| sums(threads.clone().map(|thread| read(of(thread))));
        let disconnects = |spoken: usize| sums(threads.clone().map(|thread| read(&thread.disconnects[spoken])));
        let add = |all: &mut dyn Iterator<Item = Counted>, none: Counted| all.fold(none, |sum, it| sum.and(&it));
        HubCounted {
            connections: sum(|thread| &thread.connections),
            accepted: sum(|thread| &thread.accepted),
            sent: sum(|thread| &thread.sent),
            sent_bytes: sum(|thread| &thread.sent_bytes),
            received: sum(|thread| &thread.received),
            disconnects: std::array::from_fn(disconnects),
            slow: threads.clone().map(|thread| thread.slow.get()).sum(),
            recoveries: sums(threads.clone().map(|thread| read(&thread.recoveries))),
            outbox_bytes: threads.clone().map(|thread| thread.outbox_bytes.get()).sum(),
            turns: add(&mut threads.clone().map(|it| it.turns.counted()), Histogram::new(&TURN_BOUNDS).counted()),
            sends: add(&mut threads.clone().map(|it| it.sends.counted()), Histogram::new(&SEND_BOUNDS).counted()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_no_cache_line() {
        assert_eq!(size_of::<ThreadCounts>() % 128, 0);
        assert_eq!(align_of::<ThreadCounts>(), 128);
    }

    #[test]
    fn what_threads_have_counted_is_summed() {
        let threads = [ThreadCounts::new(), ThreadCounts::new()];
        let mut turn = TurnCounts::default();
        for (thread, bytes) in threads.iter().zip([30, 12]) {
            turn.sent(Spoken::Url, 2, bytes);
            turn.received(Spoken::Native, 1);
            thread.add_turn(&mut turn, bytes);
            thread.joined(Spoken::Sse);
            thread.disconnected(Spoken::Plain, Some(Disconnect::Slow));
            thread.disconnected(Spoken::Plain, None);
            thread.turned(Duration::from_secs(2));
        }
        threads[0].left(Spoken::Sse);
        threads[1].resumed(true);
        let counted = HubCounted::of(threads.iter());
        assert_eq!((counted.sent, counted.sent_bytes), ([0, 4, 0, 0, 0], [0, 42, 0, 0, 0]));
        assert_eq!((counted.received, counted.outbox_bytes), ([0, 0, 2, 0, 0], 42));
        assert_eq!((counted.accepted, counted.connections), ([0, 0, 0, 2, 0], [0, 0, 0, 1, 0]));
        assert_eq!((counted.disconnects[0][7], counted.disconnects[0][CODE_COUNT - 1], counted.slow), (2, 2, 2));
        assert_eq!((counted.recoveries, counted.turns.sum), ([0, 1], 4.0));
    }
}
