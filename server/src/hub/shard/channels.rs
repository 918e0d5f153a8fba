//! The channels that have subscribers on a thread of the hub, and who they are. A session knows its place in the list
//! of each of its channels, so that leaving costs the same however many there are.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use queue::ChannelName;
use smallvec::SmallVec;

use crate::hub::interest::ChannelKey;

/// Channels that take some 16 MiB with their subscribers.
const WORTH_GIVING_BACK: usize = 65_536;

/// The channels that have subscribers on this thread.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// The hub chooses the keys, so their hash need not withstand an attack. Boxed, because a table has up to two places
    /// for each.
    channels: HashMap<ChannelKey, Box<Channel>, RandomState>,
    /// Channels that have gone since memory was given back to the system.
    gone: usize,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Channel {
    /// None: what is for everybody.
    pub(super) name: Option<ChannelName>,
    /// Keys of sessions. Most channels of many have one subscriber.
    pub(super) subscribers: SmallVec<[u32; 4]>,
    /// Its index among the channels of the turn that goes on.
    pub(super) touched: Option<u32>,
}

/// What leaving a channel led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It was the last subscriber of this channel, or of what is for everybody.
    Last(Option<ChannelName>),
    /// A session has its place now.
    TakenBy(u32),
    /// Nobody else has moved.
    Free,
}

impl Channels {
    /// Adds a session to a channel. Returns its place there.
    pub(super) fn enter(&mut self, key: ChannelKey, name: Option<&ChannelName>, session: usize) -> u32 {
        let new = || Box::new(Channel { name: name.cloned(), subscribers: SmallVec::new(), touched: None });
        let channel = self.channels.entry(key).or_insert_with(new);
        let slot = channel.subscribers.len();
        channel.subscribers.push(session as u32);
        slot as u32
    }

    /// Takes the session at a place out of a channel.
    pub(super) fn leave(&mut self, key: ChannelKey, slot: u32) -> Left {
        let Some(channel) = self.channels.get_mut(&key) else { return Left::Free };
        channel.subscribers.swap_remove(slot as usize);
        if channel.subscribers.is_empty() {
            let name = self.channels.remove(&key).and_then(|channel| channel.name);
            self.gone += 1;
            self.shrink();
            return Left::Last(name);
        }
        let subscribers = &mut channel.subscribers;
        if subscribers.spilled() && subscribers.len() < subscribers.capacity() / 4 {
            subscribers.shrink_to_fit();
        }
        subscribers.get(slot as usize).map_or(Left::Free, |moved| Left::TakenBy(*moved))
    }

    pub(super) fn get(&self, key: ChannelKey) -> Option<&Channel> {
        self.channels.get(&key).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        self.channels.get_mut(&key).map(Box::as_mut)
    }

    /// Whether so many channels have gone that their memory is worth giving back.
    pub(super) fn take_gone(&mut self) -> bool {
        let are_many = self.gone >= WORTH_GIVING_BACK;
        if are_many {
            self.gone = 0;
        }
        are_many
    }

    fn shrink(&mut self) {
        if self.channels.capacity() > 1024 && self.channels.len() < self.channels.capacity() / 8 {
            self.channels.shrink_to(self.channels.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ChannelKey = ChannelKey(3);

    #[test]
    fn the_last_one_takes_the_place_of_who_leaves() {
        let mut channels = Channels::default();
        let slots: Vec<u32> = (10..14).map(|session| channels.enter(KEY, None, session)).collect();
        assert_eq!(slots, [0, 1, 2, 3]);
        assert_eq!(channels.leave(KEY, 1), Left::TakenBy(13));
        assert_eq!(channels.leave(KEY, 2), Left::Free);
        assert_eq!(channels.leave(KEY, 0), Left::TakenBy(13));
        assert_eq!(channels.leave(KEY, 0), Left::Last(None));
        assert!(channels.get(KEY).is_none());
    }
}
