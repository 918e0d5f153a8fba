//! Channels that have lost their last subscriber a moment ago: one that comes back in time was never away. So a page that
//! is loaded again makes no webhook.

use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::time::Duration;

use queue::ChannelName;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;

/// How long it is kept back that a channel is vacated.
pub(super) const DELAY: Duration = Duration::from_secs(3);
/// Channels that are kept back at most. That further ones are vacated is told at once.
const MAX_CHANNELS: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Vacated {
    due: DelayQueue<ChannelName>,
    keys: HashMap<ChannelName, Key>,
}

impl Vacated {
    /// Keeps a channel back. Returns it if there is no room.
    pub(super) fn insert(&mut self, channel: ChannelName) -> Option<ChannelName> {
        if self.keys.len() >= MAX_CHANNELS {
            return Some(channel);
        }
        let key = self.due.insert(channel.clone(), DELAY);
        if let Some(before) = self.keys.insert(channel, key) {
            self.due.remove(&before);
        }
        None
    }

    /// Forgets a channel that has subscribers again. Returns whether it was kept back.
    pub(super) fn remove(&mut self, channel: &ChannelName) -> bool {
        let key = self.keys.remove(channel);
        if let Some(key) = &key {
            self.due.remove(key);
        }
        key.is_some()
    }

    /// The next one whose time is over.
    pub(super) async fn next(&mut self) -> ChannelName {
        let Some(expired) = poll_fn(|context| self.due.poll_expired(context)).await else { return pending().await };
        let channel = expired.into_inner();
        self.keys.remove(&channel);
        if self.keys.is_empty() {
            // Gives memory back after many.
            *self = Vacated::default();
        }
        channel
    }

    /// All that are kept back.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = ChannelName> + use<> {
        std::mem::take(self).keys.into_keys()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    fn name(text: &str) -> ChannelName {
        text.parse().expect("a name")
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_that_comes_back_in_time_was_never_away() {
        let (mut vacated, began) = (Vacated::default(), Instant::now());
        assert_eq!((vacated.insert(name("a")), vacated.insert(name("b"))), (None, None));
        tokio::time::advance(DELAY / 2).await;
        assert!(vacated.remove(&name("a")) && !vacated.remove(&name("a")) && !vacated.remove(&name("c")));
        assert_eq!(vacated.insert(name("a")), None);
        assert_eq!((vacated.next().await, began.elapsed().as_secs()), (name("b"), 3));
        assert_eq!(vacated.next().await, name("a"));
        assert!(began.elapsed() >= DELAY * 3 / 2, "its time begins again");
        assert!(timeout(DELAY * 2, vacated.next()).await.is_err(), "there is no other");
        vacated.insert(name("a"));
        vacated.insert(name("a"));
        assert_eq!((vacated.due.len(), vacated.take_all().count(), vacated.due.len()), (1, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_bound_nothing_is_kept_back() {
        let mut vacated = Vacated::default();
        let channels = (0..MAX_CHANNELS).map(|number| name(&number.to_string()));
        assert!(channels.map(|channel| vacated.insert(channel)).all(|told| told.is_none()));
        assert_eq!(vacated.insert(name("more")), Some(name("more")));
        assert!(vacated.remove(&name("0")));
        assert_eq!(vacated.insert(name("more")), None);
    }
}
