//! Who a client is said to be.

use std::time::SystemTime;

use queue::ChannelName;

use super::claims::Claims;
use super::pattern::Pattern;

/// Who a client is said to be, by its token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    /// The user (`sub`).
    pub(crate) user: Option<Box<str>>,
    /// Channels that are subscribed at once (`channels`). The client may read them.
    pub(crate) channels: Vec<ChannelName>,
    /// Channels that may be read (`allow`).
    pub(crate) allow: Vec<Pattern>,
    /// Whether the events for everybody may be read where they are not public (`everybody` in `allow`).
    pub(crate) everybody: bool,
    /// What others on presence channels see of the user: JSON (`info`).
    pub(crate) info: Option<Box<str>>,
    /// When it counts no more: `exp`, and the leeway for clocks that differ.
    pub(crate) expires_at: SystemTime,
}

impl Identity {
    /// Whether the token names a channel or allows it.
    pub(super) fn allows(&self, channel: &ChannelName) -> bool {
        self.channels.contains(channel) || self.allow.iter().any(|pattern| pattern.matches(channel))
    }
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Identity {
        let Claims { user, channels, allow, everybody, info, expires_at, .. } = claims;
        Identity { user, channels, allow, everybody, info, expires_at }
    }
}
