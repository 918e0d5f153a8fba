//! Which channels have subscribers, in which encodings, and on which threads of the hub: what nobody uses is not
//! encoded. Read and changed under the lock of the hub's order, so that a subscription begins exactly after a
//! publication.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use queue::ChannelName;
use thiserror::Error;

use crate::protocol::Encoding;
use crate::webhooks::{Happened, Webhooks};

/// The hub's number of a channel that has subscribers, or of what is for everybody, in one encoding: to the hub's
/// threads each encoding is a channel of its own. None is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChannelKey(pub(super) u64);

/// Bits of a key that name the encoding.
const ENCODING_BITS: u32 = 3;
/// The number of what is for everybody. Its keys are greater than all others.
const EVERYBODY: u64 = u64::MAX >> ENCODING_BITS;

/// There is no room for another channel, subscription or member. The text is for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NoRoom {
    /// Or subscription.
    #[error("the server has as many channels as it may have (max_channels, max_subscriptions)")]
    Channels,
    /// Of a presence channel.
    #[error("the presence channel has as many members as can be told in one message (max_outbox_bytes)")]
    Members,
}

/// The channels that have subscribers.
#[derive(Debug)]
pub(super) struct Interest {
    channels: HashMap<ChannelName, Interested>,
    /// The threads of encodings other than the first, of channels where some clients use them. The hub chooses the
    /// keys, so their hash need not withstand an attack.
    others: HashMap<ChannelKey, u64, RandomState>,
    next: u64,
    /// Threads with clients that get what is for everybody with an id, for each encoding.
    everybody: [u64; Encoding::ALL.len()],
    max_channels: usize,
    /// Told when a channel gets its first subscriber, and when it loses its last one.
    pub(super) webhooks: Webhooks,
}

/// One channel that has subscribers. There may be a million, and most have subscribers of WebSocket only.
#[derive(Debug, Clone, Copy)]
struct Interested {
    /// The key in the first encoding, and a bit for each of the others that somebody uses.
    key_and_others: u64,
    /// The threads that have subscribers of the first encoding, a bit for each.
    threads: u64,
}

/// An encoding in use, its key, and the threads that have subscribers, a bit for each.
pub(super) type InUse = (Encoding, ChannelKey, u64);

impl ChannelKey {
    fn new(number: u64, encoding: Encoding) -> ChannelKey {
        ChannelKey(number << ENCODING_BITS | encoding as u64)
    }

    /// What is for everybody. It is no channel that can be named.
    pub(super) fn everybody(encoding: Encoding) -> ChannelKey {
        ChannelKey::new(EVERYBODY, encoding)
    }

    pub(super) fn is_everybody(self) -> bool {
        self.0 >> ENCODING_BITS == EVERYBODY
    }

    pub(super) fn encoding(self) -> Encoding {
        Encoding::ALL[(self.0 & ((1 << ENCODING_BITS) - 1)) as usize % Encoding::ALL.len()]
    }
}

impl Interested {
    fn number(self) -> u64 {
        self.key_and_others >> ENCODING_BITS
    }

    fn key(self, encoding: Encoding) -> ChannelKey {
        ChannelKey::new(self.number(), encoding)
    }

    /// Whether somebody uses an encoding other than the first.
    fn has_others(self) -> bool {
        self.key_and_others & ((1 << ENCODING_BITS) - 1) != 0
    }
}

/// The bit of an encoding other than the first.
fn bit(encoding: Encoding) -> u64 {
    1 << (encoding as u64).saturating_sub(1)
}

impl Interest {
    /// Lets there be so many channels. Those that there are stay.
    pub(super) fn set_max_channels(&mut self, max_channels: usize) {
        self.max_channels = max_channels;
    }

    pub(super) fn new(max_channels: usize) -> Interest {
        let everybody = [0; Encoding::ALL.len()];
        Interest {
            channels: HashMap::new(),
            others: HashMap::default(),
            next: 0,
            everybody,
            max_channels,
            webhooks: Webhooks::default(),
        }
    }

    /// Notes that a thread has subscribers of channels who use an encoding: of all of them, or of none if there is no
    /// room.
    pub(super) fn add_all(
        &mut self,
        names: &[ChannelName],
        encoding: Encoding,
        thread: usize,
    ) -> Result<Vec<ChannelKey>, NoRoom> {
        let new = names.iter().filter(|name| !self.channels.contains_key(*name)).count();
        if self.channels.len() + new > self.max_channels {
            return Err(NoRoom::Channels);
        }
        Ok(names.iter().map(|name| self.add(name, encoding, thread)).collect())
    }

    fn add(&mut self, name: &ChannelName, encoding: Encoding, thread: usize) -> ChannelKey {
        let channel = match self.channels.get_mut(name) {
            Some(channel) => channel,
            None => {
                let number = self.next;
                self.next += 1;
                self.webhooks.tell(Happened::Occupied(name.clone()));
                let new = Interested { key_and_others: number << ENCODING_BITS, threads: 0 };
                self.channels.entry(name.clone()).or_insert(new)
            }
        };
        let key = channel.key(encoding);
        if encoding == Encoding::WebSocket {
            channel.threads |= 1 << thread;
        } else {
            channel.key_and_others |= bit(encoding);
            *self.others.entry(key).or_default() |= 1 << thread;
        }
        key
    }

    /// Notes that a thread has a client that gets what is for everybody with an id, in an encoding.
    pub(super) fn add_everybody(&mut self, encoding: Encoding, thread: usize) {
        self.everybody[encoding as usize] |= 1 << thread;
    }

    /// Notes that a thread has no subscriber any more who uses an encoding: of a channel, or of what is for everybody.
    pub(super) fn remove(&mut self, name: Option<&ChannelName>, encoding: Encoding, thread: usize) {
        let Some(name) = name else {
            self.everybody[encoding as usize] &= !(1 << thread);
            return;
        };
        let Some(channel) = self.channels.get_mut(name) else { return };
        if encoding == Encoding::WebSocket {
            channel.threads &= !(1 << thread);
        } else if let Some(threads) = self.others.get_mut(&channel.key(encoding)) {
            *threads &= !(1 << thread);
            if *threads == 0 {
                self.others.remove(&channel.key(encoding));
                channel.key_and_others &= !bit(encoding);
            }
        }
        if channel.threads == 0 && !channel.has_others() {
            self.channels.remove(name);
            self.webhooks.tell(Happened::Vacated(name.clone()));
            self.shrink();
        }
    }

    /// How many channels have subscribers.
    pub(super) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// The encodings that subscribers of a channel use.
    pub(super) fn of(&self, name: &ChannelName) -> impl Iterator<Item = InUse> {
        let channel = self.channels.get(name).copied();
        let first = channel.map(|channel| (Encoding::WebSocket, channel.key(Encoding::WebSocket), channel.threads));
        let others = channel.filter(|channel| channel.has_others()).into_iter();
        let others = others.flat_map(|channel| Encoding::ALL[1..].iter().map(move |encoding| (channel, *encoding)));
        let others = others.map(|(channel, encoding)| {
            let key = channel.key(encoding);
            (encoding, key, self.others.get(&key).copied().unwrap_or(0))
        });
        first.into_iter().chain(others).filter(|(_, _, threads)| *threads != 0)
    }

    /// The encodings of clients that get the events for everybody with an id.
    pub(super) fn everybody(&self) -> impl Iterator<Item = InUse> {
        let threads = |encoding| (encoding, ChannelKey::everybody(encoding), self.everybody[encoding as usize]);
        Encoding::ALL.into_iter().map(threads).filter(|(_, _, threads)| *threads != 0)
    }

    /// The key of a channel that has subscribers, in an encoding that these need not use.
    pub(super) fn find(&self, name: &ChannelName, encoding: Encoding) -> Option<ChannelKey> {
        self.channels.get(name).map(|channel| channel.key(encoding))
    }

    /// Gives memory back when most channels have gone.
    fn shrink(&mut self) {
        if self.channels.capacity() > 1024 && self.channels.len() < self.channels.capacity() / 8 {
            self.channels.shrink_to(self.channels.len() * 2);
            self.others.shrink_to(self.others.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Sse, SseNamed, WebSocket};

    fn name(text: &str) -> ChannelName {
        text.parse().expect("a name of a channel")
    }

    fn of(interest: &Interest, name: &ChannelName) -> Vec<InUse> {
        interest.of(name).collect()
    }

    #[test]
    fn a_channel_is_known_while_a_thread_has_subscribers() {
        let (mut interest, a) = (Interest::new(10), name("a"));
        let key = interest.add_all(std::slice::from_ref(&a), WebSocket, 0).expect("room")[0];
        assert_eq!(interest.add_all(&[name("a")], WebSocket, 3), Ok(vec![key]));
        assert_eq!(of(&interest, &a), [(WebSocket, key, 0b1001)]);
        interest.remove(Some(&a), WebSocket, 0);
        assert_eq!(of(&interest, &a), [(WebSocket, key, 0b1000)]);
        interest.remove(Some(&a), WebSocket, 3);
        assert!(of(&interest, &a).is_empty() && interest.find(&a, WebSocket).is_none());
        let again = interest.add_all(&[a], WebSocket, 0);
        assert_ne!(again, Ok(vec![key]), "what is on its way for the first is not for the second");
    }

    #[test]
    fn each_encoding_has_its_own_key_and_threads_and_the_channel_is_removed_with_its_last_subscriber() {
        let (mut interest, a) = (Interest::new(1), name("a"));
        let mut add = |encoding, thread| interest.add_all(&[name("a")], encoding, thread).expect("room")[0];
        let keys = [add(WebSocket, 0), add(Sse, 0), add(SseNamed, 5)];
        assert_eq!(add(Sse, 63), keys[1]);
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(keys.iter().zip(Encoding::ALL).all(|(key, encoding)| key.encoding() == encoding));
        let all = [(WebSocket, keys[0], 1), (Sse, keys[1], 1 << 63 | 1), (SseNamed, keys[2], 1 << 5)];
        assert_eq!(of(&interest, &a), all);
        interest.remove(Some(&a), WebSocket, 0);
        assert_eq!(of(&interest, &a), all[1..]);
        assert_eq!(interest.find(&a, WebSocket), Some(keys[0]), "the channel is there");
        interest.remove(Some(&a), Sse, 0);
        assert_eq!(of(&interest, &a), [(Sse, keys[1], 1 << 63), all[2]]);
        interest.remove(Some(&a), Sse, 63);
        assert_eq!(of(&interest, &a), all[2..]);
        interest.remove(Some(&a), SseNamed, 5);
        assert!(of(&interest, &a).is_empty() && interest.others.is_empty());
        assert!(interest.add_all(&[name("b")], Sse, 0).is_ok(), "its room is free");
    }

    #[test]
    fn a_channel_takes_no_memory_for_encodings_that_nobody_uses() {
        assert_eq!(size_of::<Interested>(), 16);
        let mut interest = Interest::new(10);
        assert!(interest.add_all(&[name("a"), name("b")], WebSocket, 0).is_ok());
        assert_eq!(interest.others.capacity(), 0);
    }

    #[test]
    fn further_channels_are_refused_and_room_comes_back() {
        let (mut interest, a) = (Interest::new(2), name("a"));
        assert!(interest.add_all(std::slice::from_ref(&a), WebSocket, 0).is_ok());
        assert_eq!(interest.add_all(&[name("b"), name("c")], WebSocket, 0), Err(NoRoom::Channels));
        assert!(interest.find(&name("b"), WebSocket).is_none(), "all or none");
        assert!(interest.add_all(&[name("b"), name("a")], Sse, 1).is_ok(), "a channel that is there takes no room");
        interest.remove(Some(&a), WebSocket, 0);
        interest.remove(Some(&a), Sse, 1);
        assert!(interest.add_all(&[name("c")], WebSocket, 0).is_ok());
    }

    #[test]
    fn what_is_for_everybody_is_no_channel() {
        let mut interest = Interest::new(0);
        interest.add_everybody(WebSocket, 1);
        interest.add_everybody(SseNamed, 0);
        let keys = [WebSocket, SseNamed].map(ChannelKey::everybody);
        assert!(keys.iter().all(|key| key.is_everybody()));
        assert_eq!(interest.everybody().collect::<Vec<_>>(), [(WebSocket, keys[0], 0b10), (SseNamed, keys[1], 1)]);
        interest.remove(None, WebSocket, 1);
        interest.remove(None, SseNamed, 0);
        assert_eq!(interest.everybody().count(), 0);
    }
}
