//! What else is asked about channels (`info`), and the answers.

use queue::ChannelName;
use serde_json::{Map, Value, json};

use super::refused::Refused;
use crate::hub::Hub;
use crate::protocol::pusher::channel::is_cache;

/// What is asked about a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Attributes {
    pub(super) user_count: bool,
    pub(super) subscription_count: bool,
    pub(super) cache: bool,
}

impl Attributes {
    /// Reads a list with commas.
    pub(super) fn parse(info: &str) -> Result<Attributes, Refused> {
        let mut attributes = Attributes::default();
        for name in info.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "user_count" => attributes.user_count = true,
                "subscription_count" => attributes.subscription_count = true,
                "cache" => attributes.cache = true,
                _ => return Err(Refused::bad("info is a list of user_count, subscription_count and cache")),
            }
        }
        Ok(attributes)
    }

    pub(super) fn is_empty(self) -> bool {
        self == Attributes::default()
    }

    /// The answers for a channel. Those that such a channel does not have are left out.
    pub(super) fn of(self, hub: &Hub, channel: &ChannelName, subscriptions: u64) -> Map<String, Value> {
        let mut answers = Map::new();
        if self.user_count && channel.is_presence() {
            answers.insert("user_count".to_owned(), hub.user_count(channel).into());
        }
        if self.subscription_count {
            answers.insert("subscription_count".to_owned(), subscriptions.into());
        }
        if self.cache && is_cache(channel) {
            let cached = hub.cached(channel).map(|cached| json!({ "data": cached.data }));
            answers.insert("cache".to_owned(), cached.into());
        }
        answers
    }
}
