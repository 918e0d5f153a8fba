//! Which channels have subscribers, and on which threads of the hub: what has none is not encoded. Read and changed under
//! the lock of the hub's order, so that a subscription begins exactly behind a publication.

use std::collections::HashMap;

use queue::ChannelName;
use thiserror::Error;

/// The hub's number of a channel that has subscribers, or of what is for everybody. None is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChannelKey(pub(super) u64);

/// There is no room for another channel or subscription. The text is for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the server has as many channels as it may have (max_channels, max_subscriptions)")]
pub(super) struct TooManyChannels;

/// The channels that have subscribers.
#[derive(Debug)]
pub(super) struct Interest {
    channels: HashMap<ChannelName, Interested>,
    next: ChannelKey,
    /// Threads with clients that get what is for everybody with an id.
    everybody: u64,
    max_channels: usize,
}

/// One channel that has subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interested {
    pub(super) key: ChannelKey,
    /// The threads that have subscribers, a bit for each.
    pub(super) threads: u64,
}

impl ChannelKey {
    /// What is for everybody. It is no channel that can be named.
    pub(super) const EVERYBODY: ChannelKey = ChannelKey(u64::MAX);
}

impl Interest {
    pub(super) fn new(max_channels: usize) -> Interest {
        Interest { channels: HashMap::new(), next: ChannelKey(0), everybody: 0, max_channels }
    }

    /// Notes that a thread has subscribers of channels: of all of them, or of none if there is no room.
    pub(super) fn add_all(&mut self, names: &[ChannelName], thread: usize) -> Result<Vec<ChannelKey>, TooManyChannels> {
        let new = names.iter().filter(|name| !self.channels.contains_key(*name)).count();
        if self.channels.len() + new > self.max_channels {
            return Err(TooManyChannels);
        }
        Ok(names.iter().map(|name| self.add(name, thread)).collect())
    }

    fn add(&mut self, name: &ChannelName, thread: usize) -> ChannelKey {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.threads |= 1 << thread;
            return channel.key;
        }
        let key = self.next;
        self.next = ChannelKey(key.0 + 1);
        self.channels.insert(name.clone(), Interested { key, threads: 1 << thread });
        key
    }

    /// Notes that a thread has a client that gets what is for everybody with an id.
    pub(super) fn add_everybody(&mut self, thread: usize) {
        self.everybody |= 1 << thread;
    }

    /// Notes that a thread has no subscriber of a channel any more, or none of what is for everybody.
    pub(super) fn remove(&mut self, name: Option<&ChannelName>, thread: usize) {
        let Some(name) = name else {
            self.everybody &= !(1 << thread);
            return;
        };
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.threads &= !(1 << thread);
        if channel.threads == 0 {
            self.channels.remove(name);
            self.shrink();
        }
    }

    /// A channel that has subscribers.
    pub(super) fn find(&self, name: &ChannelName) -> Option<Interested> {
        self.channels.get(name).copied()
    }

    /// Threads with clients that get what is for everybody with an id.
    pub(super) fn everybody(&self) -> u64 {
        self.everybody
    }

    /// Gives memory back when most channels have gone.
    fn shrink(&mut self) {
        if self.channels.capacity() > 1024 && self.channels.len() < self.channels.capacity() / 8 {
            self.channels.shrink_to(self.channels.len() * 2);
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
        let (mut interest, a) = (Interest::new(10), name("a"));
        let key = interest.add_all(std::slice::from_ref(&a), 0).expect("room")[0];
        assert_eq!(interest.add_all(&[name("a")], 3), Ok(vec![key]));
        assert_eq!(interest.find(&a), Some(Interested { key, threads: 0b1001 }));
        interest.remove(Some(&a), 0);
        assert_eq!(interest.find(&a), Some(Interested { key, threads: 0b1000 }));
        interest.remove(Some(&a), 3);
        assert_eq!(interest.find(&a), None);
        assert_ne!(interest.add_all(&[a], 0), Ok(vec![key]), "what is on its way for the first is not for the second");
    }

    #[test]
    fn further_channels_are_refused_and_room_comes_back() {
        let (mut interest, a) = (Interest::new(2), name("a"));
        assert!(interest.add_all(std::slice::from_ref(&a), 0).is_ok());
        assert_eq!(interest.add_all(&[name("b"), name("c")], 0), Err(TooManyChannels));
        assert!(interest.find(&name("b")).is_none(), "all or none");
        assert!(interest.add_all(&[name("b"), name("a")], 1).is_ok(), "a channel that is there takes no room");
        interest.remove(Some(&a), 0);
        interest.remove(Some(&a), 1);
        assert!(interest.add_all(&[name("c")], 0).is_ok());
    }

    #[test]
    fn what_is_for_everybody_is_no_channel() {
        let mut interest = Interest::new(0);
        interest.add_everybody(1);
        assert_eq!(interest.everybody(), 0b10);
        interest.remove(None, 1);
        assert_eq!(interest.everybody(), 0);
    }
}
