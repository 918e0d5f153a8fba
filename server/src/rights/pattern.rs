//! Which channels are meant: a name, or the beginning of names.

use queue::ChannelName;

/// A name, or a beginning of names and `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    is_prefix: bool,
}

impl Pattern {
    /// Every name.
    pub(crate) fn all() -> Pattern {
        Pattern { text: "".into(), is_prefix: true }
    }

    /// Whether a channel is meant.
    pub(crate) fn matches(&self, channel: &ChannelName) -> bool {
        if self.is_prefix { channel.as_str().starts_with(&*self.text) } else { channel.as_str() == &*self.text }
    }
}
