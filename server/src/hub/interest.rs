//! Which channels have subscribers, and on which threads of the hub: what has none is not encoded. Read and changed under the lock of the hub's order, so that a subscription begins exactly behind a publication.

use std::collections::HashMap;

use queue::ChannelName;
use slab::Slab;
use thiserror::Error;

/// The hub's number of a channel that has subscribers, or of what is for everybody. It is used again for another
/// channel once there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChannelKey(pub(super) u32);

/// There is no room for another channel or subscription. The text is for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the server has as many channels as it may have (max_channels, max_subscriptions)")]
pub(super) struct TooManyChannels;

/// The channels that have subscribers.
#[derive(Debug)]
pub(super) struct Interest {
    keys: HashMap<ChannelName, ChannelKey>,
    channels: Slab<Interested>,
    /// Threads with clients that get what is for everybody with an id.
    everybody: u64,
    max_channels: usize,
}

/// One channel that has subscribers.
#[derive(Debug)]
pub(super) struct Interested {
    pub(super) name: ChannelName,
    /// The threads that have subscribers, a bit for each.
    pub(super) threads: u64,
}

impl ChannelKey {
    /// What is for everybody. It is no channel that can be named.
    pub(super) const EVERYBODY: ChannelKey = ChannelKey(u32::MAX);
}

impl Interest {
    pub(super) fn new(max_channels: usize) -> Interest {
        let max_channels = max_channels.min(ChannelKey::EVERYBODY.0 as usize);
        Interest { keys: HashMap::new(), channels: Slab::new(), everybody: 0, max_channels }
    }

    /// Notes that a thread has subscribers of channels: of all of them, or of none if there is no room.
    pub(super) fn add_all(&mut self, names: &[ChannelName], thread: usize) -> Result<Vec<ChannelKey>, TooManyChannels> {
        let new = names.iter().filter(|name| !self.keys.contains_key(*name)).count();
        if self.channels.len() + new > self.max_channels {
            return Err(TooManyChannels);
        }
        names.iter().map(|name| self.add(name, thread)).collect()
    }

    fn add(&mut self, name: &ChannelName, thread: usize) -> Result<ChannelKey, TooManyChannels> {
        if let Some(key) = self.keys.get(name) {
            self.channels[key.0 as usize].threads |= 1 << thread;
            return Ok(*key);
        }
        let key = self.channels.insert(Interested { name: name.clone(), threads: 1 << thread });
        let key = ChannelKey(u32::try_from(key).map_err(|_| TooManyChannels)?);
        self.keys.insert(name.clone(), key);
        Ok(key)
    }

    /// Notes that a thread has a client that gets what is for everybody with an id.
    pub(super) fn add_everybody(&mut self, thread: usize) {
        self.everybody |= 1 << thread;
    }

    /// Notes that a thread has no subscriber any more.
    pub(super) fn remove(&mut self, key: ChannelKey, thread: usize) {
        if key == ChannelKey::EVERYBODY {
            self.everybody &= !(1 << thread);
            return;
        }
        let Some(channel) = self.channels.get_mut(key.0 as usize) else { return };
        channel.threads &= !(1 << thread);
        if channel.threads == 0 {
            let channel = self.channels.remove(key.0 as usize);
            self.keys.remove(&channel.name);
            self.shrink();
        }
    }

    /// A channel that has subscribers.
    pub(super) fn find(&self, name: &ChannelName) -> Option<(ChannelKey, &Interested)> {
        self.keys.get(name).map(|key| (*key, &self.channels[key.0 as usize]))
    }

    /// Threads with clients that get what is for everybody with an id.
    pub(super) fn everybody(&self) -> u64 {
        self.everybody
    }

    /// Gives memory back when most channels have gone.
    fn shrink(&mut self) {
        if self.keys.capacity() > 1024 && self.keys.len() < self.keys.capacity() / 8 {
            self.keys.shrink_to(self.keys.len() * 2);
            self.channels.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ChannelName {
        text.parse().expect("a name of a channel")
    }

    #[test]
    fn a_channel_is_known_while_a_thread_has_subscribers() {
        let mut interest = Interest::new(10);
        let key = interest.add_all(&[name("a")], 0).expect("room")[0];
        assert_eq!(interest.add_all(&[name("a")], 3), Ok(vec![key]));
        assert_eq!(interest.find(&name("a")).map(|(key, channel)| (key, channel.threads)), Some((key, 0b1001)));
        interest.remove(key, 0);
        assert_eq!(interest.find(&name("a")).map(|(_, channel)| channel.threads), Some(0b1000));
        interest.remove(key, 3);
        assert!(interest.find(&name("a")).is_none());
    }

    #[test]
    fn further_channels_are_refused_and_room_comes_back() {
        let mut interest = Interest::new(2);
        let first = interest.add_all(&[name("a")], 0).expect("room")[0];
        assert_eq!(interest.add_all(&[name("b"), name("c")], 0), Err(TooManyChannels));
        assert!(interest.find(&name("b")).is_none(), "all or none");
        assert!(interest.add_all(&[name("b"), name("a")], 1).is_ok(), "a channel that is there takes no room");
        interest.remove(first, 0);
        interest.remove(first, 1);
        assert!(interest.add_all(&[name("c")], 0).is_ok());
    }

    #[test]
    fn what_is_for_everybody_is_no_channel() {
        let mut interest = Interest::new(0);
        interest.add_everybody(1);
        assert_eq!(interest.everybody(), 0b10);
        interest.remove(ChannelKey::EVERYBODY, 1);
        assert_eq!(interest.everybody(), 0);
    }
}
