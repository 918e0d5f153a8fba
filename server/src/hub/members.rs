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
        // It is a frame of text for clients of the Pusher protocol. No byte of its head is a brace that begins an object.
        let text = &frame[frame.windows(2).position(|begin| begin == b"{\"")?..];
        serde_json::from_slice(text).ok()
    }
}
