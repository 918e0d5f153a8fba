//! Uids of events that came a short time ago. A command of a connection that broke can take effect late, after its
//! sender has added the event again. So an event whose uid is known is dropped.

use std::collections::{HashSet, VecDeque};

use queue::Uid;

/// How long a uid is known, by the times of the stream.
const MIN_AGE_MILLIS: u64 = 300_000;
/// How many are known at least.
const MIN_UIDS: usize = 100_000;

/// The uids of the last 300 s of the stream, and at least the last 100,000.
#[derive(Debug)]
pub(super) struct UidWindow {
    /// How many are known at most: as many as the stream has entries. It bounds the memory.
    max: usize,
    known: HashSet<Uid>,
    /// With the time at which each came, oldest first.
    order: VecDeque<(u64, Uid)>,
}

impl UidWindow {
    /// For a stream of about so many entries.
    pub(super) fn new(max_entries: u64) -> UidWindow {
        let max = usize::try_from(max_entries).unwrap_or(usize::MAX).max(MIN_UIDS);
        UidWindow { max, known: HashSet::new(), order: VecDeque::new() }
    }

    /// Notes an event that came at a time of the stream, in milliseconds. Returns whether it is new.
    pub(super) fn is_new(&mut self, uid: Uid, millis: u64) -> bool {
        if !self.known.insert(uid) {
            return false;
        }
        self.order.push_back((millis, uid));
        while self.order.len() > MIN_UIDS
            && let Some((came, _)) = self.order.front()
            && (millis.saturating_sub(*came) > MIN_AGE_MILLIS || self.order.len() > self.max)
        {
            let oldest = self.order.pop_front();
            oldest.iter().for_each(|(_, uid)| _ = self.known.remove(uid));
        }
        true
    }

    /// The same, and whether it came after the oldest that is known. Of what came before that it is not known whether it
    /// is new.
    pub(super) fn is_new_and_later(&mut self, uid: Uid, millis: u64) -> bool {
        let is_later = self.order.front().is_none_or(|(oldest, _)| *oldest <= millis);
        is_later && self.is_new(uid, millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_known_for_a_time_and_for_a_number_of_others() {
        let mut window = UidWindow::new(1_000_000);
        let first = Uid::new();
        assert!(window.is_new(first, 0) && !window.is_new(first, 0));
        (1..MIN_UIDS).for_each(|_| assert!(window.is_new(Uid::new(), 1)));
        assert!(window.is_new(Uid::new(), MIN_AGE_MILLIS), "more than so many, in less time");
        assert!(!window.is_new(first, MIN_AGE_MILLIS));
        assert!(window.is_new(Uid::new(), MIN_AGE_MILLIS + 1));
        assert!(window.is_new(first, MIN_AGE_MILLIS + 1));
    }

    #[test]
    fn what_came_before_the_oldest_that_is_known_is_not_taken_for_new() {
        let mut window = UidWindow::new(1);
        assert!(window.is_new_and_later(Uid::new(), 5), "nothing came before");
        let uid = Uid::new();
        assert!(!window.is_new_and_later(uid, 4));
        assert!(window.is_new_and_later(uid, 5) && !window.is_new_and_later(uid, 6));
    }

    #[test]
    fn no_more_are_known_than_the_stream_has() {
        let mut window = UidWindow::new(1);
        (0..2 * MIN_UIDS).for_each(|_| assert!(window.is_new(Uid::new(), 0)));
        assert_eq!((window.known.len(), window.order.len()), (MIN_UIDS, MIN_UIDS));
    }
}
