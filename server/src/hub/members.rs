//! What code outside the hub asks about channels: who is there, and whether there is a last event.

use queue::ChannelName;
use serde::Deserialize;

use crate::hub::Hub;

/// The last event of a cache channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Cached {
    pub(crate) data: String,
}

impl Hub {
    /// The users on a presence channel, in order.
    pub(crate) fn users_of(&self, channel: &ChannelName) -> Vec<Box<str>> {
        let published = self.lock();
        let mut users: Vec<Box<str>> = published.presence.of(channel).map(|(user, _)| user.into()).collect();
        drop(published);
        users.sort_unstable();
        users
    }

    /// How many users are on a presence channel.
    pub(crate) fn user_count(&self, channel: &ChannelName) -> usize {
        self.lock().presence.count(channel)
    }

    /// The `data` of the last event of a cache channel, as clients get it: JSON text in a string.
    pub(crate) fn cached(&self, channel: &ChannelName) -> Option<Cached> {
        let frame = self.lock().last_event(channel)?;
        // It is a frame of text: a head, whose length its second byte tells (RFC 6455, section 5.2), and the message.
        let head = match frame.get(1)? {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        serde_json::from_slice(frame.get(head..)?).ok()
    }
}
