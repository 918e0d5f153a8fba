//! What code outside the hub asks about channels: who is there, and whether there is a last event.

use std::sync::Arc;

use queue::ChannelName;
use serde::Deserialize;

use crate::hub::Hub;
use crate::protocol::frames::header_len;

/// The last event of a cache channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Cached {
    pub(crate) data: String,
}

impl Hub {
    /// The users on a presence channel, in order.
    pub(crate) fn users_of(&self, channel: &ChannelName) -> Vec<Arc<str>> {
        let published = self.lock();
        let mut users = published.presence.of(channel);
        drop(published);
        users.sort_unstable_by(|one, other| one.user.cmp(&other.user));
        users.into_iter().map(|member| member.user).collect()
    }

    /// How many users are on a presence channel.
    pub(crate) fn user_count(&self, channel: &ChannelName) -> usize {
        self.lock().presence.count(channel)
    }

    /// The `data` of the last event of a cache channel, as clients get it: JSON text in a string.
    pub(crate) fn cached(&self, channel: &ChannelName) -> Option<Cached> {
        let frame = self.lock().last_event(channel)?;
        serde_json::from_slice(&frame[header_len(&frame)..]).ok()
    }
}
