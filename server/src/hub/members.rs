//! What code outside the hub asks about channels: who is there, and whether there is a last event.

use queue::ChannelName;

use crate::hub::Hub;

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

    /// Whether there is a last event of a cache channel.
    pub(crate) fn has_last_event(&self, channel: &ChannelName) -> bool {
        self.lock().last_event(channel).is_some()
    }
}
