//! Keys of events that were handed to the hub a short time ago. An event with one of them is a repeat.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use queue::{ChannelName, Uid};

/// How long a key is known.
const MAX_AGE: Duration = Duration::from_secs(300);
/// How many keys are known. The oldest are forgotten first.
const MAX_KEYS: usize = 100_000;

/// The keys of the last 300 s, and at most 100,000 of them.
#[derive(Debug)]
pub(super) struct KeyWindow {
    /// Whose each key is.
    owners: HashMap<Hash, Uid>,
    /// When each was taken, oldest first.
    taken: VecDeque<(Instant, Hash, Uid)>,
    hashers: [RandomState; 2],
    max_keys: usize,
}

/// A hash in place of the texts, so that the window's memory does not depend on them. It is of 128 bits with a random
/// start, so nobody can find two keys that have the same.
type Hash = (u64, u64);

impl Default for KeyWindow {
    fn default() -> KeyWindow {
        KeyWindow::of(MAX_KEYS)
    }
}

impl KeyWindow {
    fn of(max_keys: usize) -> KeyWindow {
        let hashers = [RandomState::new(), RandomState::new()];
        KeyWindow { owners: HashMap::new(), taken: VecDeque::new(), hashers, max_keys }
    }

    /// Takes a key for an event. It counts within the first channel of the event, or within those for everybody.
    /// Returns whether the event may be sent: the key was free, or this very event has it, which came again.
    pub(super) fn take(&mut self, channel: Option<&ChannelName>, key: &str, uid: Uid, now: Instant) -> bool {
        while self.taken.front().is_some_and(|(taken, ..)| now.saturating_duration_since(*taken) >= MAX_AGE) {
            self.forget_oldest();
        }
        let hash = self.hash(channel, key);
        if let Some(owner) = self.owners.get(&hash) {
            return *owner == uid;
        }
        if self.taken.len() >= self.max_keys {
            self.forget_oldest();
        }
        self.owners.insert(hash, uid);
        self.taken.push_back((now, hash, uid));
        true
    }

    /// Frees a key whose event is not sent after all.
    pub(super) fn give_back(&mut self, channel: Option<&ChannelName>, key: &str, uid: Uid) {
        self.free(self.hash(channel, key), uid);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, hash, uid)) = self.taken.pop_front() {
            self.free(hash, uid);
        }
    }

    fn free(&mut self, hash: Hash, uid: Uid) {
        if self.owners.get(&hash) == Some(&uid) {
            self.owners.remove(&hash);
        }
    }

    fn hash(&self, channel: Option<&ChannelName>, key: &str) -> Hash {
        let [first, second] = &self.hashers;
        (first.hash_one((channel, key)), second.hash_one((channel, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> ChannelName {
        name.parse().expect("a name")
    }

    #[test]
    fn a_key_is_taken_once_within_its_channel() {
        let (mut window, now) = (KeyWindow::default(), Instant::now());
        let mut take = |channel: Option<&ChannelName>, key| window.take(channel, key, Uid::new(), now);
        let (a, b) = (channel("a"), channel("b"));
        assert!(take(None, "k") && take(Some(&a), "k") && take(Some(&b), "k") && take(None, "l"));
        assert!(!take(None, "k") && !take(Some(&a), "k") && !take(Some(&b), "k") && !take(None, "l"));
    }

    #[test]
    fn an_event_that_comes_again_is_no_repeat_of_itself() {
        let (mut window, now, uid) = (KeyWindow::default(), Instant::now(), Uid::new());
        assert!(window.take(None, "k", uid, now) && window.take(None, "k", uid, now));
        assert!(!window.take(None, "k", Uid::new(), now));
        assert!(window.take(None, "k", uid, now), "a repeat does not take the key over");
    }

    #[test]
    fn a_key_that_was_given_back_can_be_taken_by_another_event() {
        let (mut window, now) = (KeyWindow::default(), Instant::now());
        let [first, second] = [Uid::new(), Uid::new()];
        assert!(window.take(None, "k", first, now));
        window.give_back(None, "k", second);
        assert!(!window.take(None, "k", second, now), "it was not its own");
        window.give_back(None, "k", first);
        assert!(window.take(None, "k", second, now + MAX_AGE / 2));
        assert!(!window.take(None, "k", first, now + MAX_AGE), "the time of the second counts");
    }

    #[test]
    fn a_key_is_free_again_after_its_time_which_repeats_do_not_prolong() {
        let (mut window, start) = (KeyWindow::default(), Instant::now());
        let mut take = |secs| window.take(None, "k", Uid::new(), start + Duration::from_secs(secs));
        assert!(take(0));
        assert!(!take(150) && !take(299));
        assert!(take(300));
        assert!(!take(599));
        assert!(take(600));
        assert_eq!((window.owners.len(), window.taken.len()), (1, 1));
    }

    #[test]
    fn the_oldest_keys_make_room_for_new_ones() {
        let (mut window, now) = (KeyWindow::of(3), Instant::now());
        for key in ["1", "2", "3", "4"] {
            assert!(window.take(None, key, Uid::new(), now), "{key}");
        }
        assert_eq!((window.owners.len(), window.taken.len()), (3, 3));
        assert!(!window.take(None, "2", Uid::new(), now), "it is still known");
        assert!(window.take(None, "1", Uid::new(), now), "it was forgotten");
        assert!(window.take(None, "2", Uid::new(), now), "it made room for that");
    }
}
