//! How much is kept, and for whom.

use std::time::Duration;

use queue::ChannelName;

use crate::rights::Pattern;

/// How much history there is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistoryRules {
    /// Of events for everybody.
    pub(crate) everybody: Rule,
    /// Of a channel that no pattern names.
    pub(crate) channel: Rule,
    /// Of those that a pattern names. The first that does counts.
    pub(crate) patterns: Vec<(Pattern, Rule)>,
    /// Bytes of all that is kept, with what it takes beside its text.
    pub(crate) max_bytes: usize,
    /// How long the number of the last event of a channel is known, when its events are gone.
    pub(crate) meta_age: Duration,
    /// Messages that one resume brings at most, for all channels of the client together.
    pub(crate) recover_limit: usize,
    /// Bytes of them.
    pub(crate) recover_bytes: usize,
}

/// What is kept of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Events. With 0, none are kept.
    pub(crate) events: usize,
    /// How long.
    pub(crate) age: Duration,
}

impl HistoryRules {
    /// Whether anything is kept.
    pub(crate) fn keep_anything(&self) -> bool {
        let rules = self.patterns.iter().map(|(_, rule)| rule).chain([&self.everybody, &self.channel]);
        self.max_bytes > 0 && rules.into_iter().any(|rule| rule.events > 0 && !rule.age.is_zero())
    }

    /// What is kept of a channel, or of what is for everybody.
    pub(crate) fn of(&self, channel: Option<&ChannelName>) -> Rule {
        let Some(channel) = channel else { return self.everybody };
        let named = self.patterns.iter().find(|(pattern, _)| pattern.matches(channel));
        named.map_or(self.channel, |(_, rule)| *rule)
    }

    /// Whether there may be channels of which nothing is kept.
    pub(super) fn leaves_channels_out(&self) -> bool {
        self.patterns.iter().map(|(_, rule)| rule).chain([&self.channel]).any(|rule| rule.events == 0)
    }

    /// How long the oldest event can be kept.
    pub(super) fn max_age(&self) -> Duration {
        let rules = self.patterns.iter().map(|(_, rule)| rule).chain([&self.everybody, &self.channel]);
        rules.map(|rule| rule.age).max().unwrap_or_default()
    }
}
