//! What of a session is about its channels: which it has, since when, and what it may still ask for.

use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::hub::interest::ChannelKey;
use crate::publication::Seq;

/// In what time a client that has used up its commands may use all of them again.
const REFILL: Duration = Duration::from_secs(8);

/// A client that gets publications by channel. It has no position in the log: it has got everything up to the last
/// publication, or the rest waits in its outbox.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// Whether it may send commands.
    pub(super) is_native: bool,
    /// By key.
    subscriptions: Vec<Subscription>,
    /// What was published up to here needs no look any more, in the turn that goes on.
    pub(super) had: Seq,
    /// The greatest `began` of its subscriptions: in a turn that begins after it nothing is left out.
    pub(super) latest_began: Seq,
    /// When all of its commands are available again.
    commands_full_at: Instant,
    /// How often it was told that it gets a heartbeat, at least.
    pub(super) heartbeat: Duration,
}

/// One channel of a session, or what is for everybody.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) channel: ChannelKey,
    /// It gets what comes behind this place.
    pub(super) began: Seq,
    /// The client has got everything after this number on this connection, live or again.
    pub(super) has_after: Seq,
    /// Where the session stands in the channel's list.
    pub(super) slot: u32,
    /// When it ends, if a token for this channel alone allowed it: in seconds since 1970.
    until: Option<NonZeroU32>,
}

impl Subscription {
    pub(super) fn new(channel: ChannelKey, slot: u32, began: Seq, has_after: Seq) -> Subscription {
        Subscription { channel, began, has_after, slot, until: None }
    }

    /// When it ends by itself.
    pub(super) fn until(&self) -> Option<SystemTime> {
        self.until.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds.get().into()))
    }

    /// Notes when it ends by itself, to the next second.
    pub(super) fn set_until(&mut self, until: Option<SystemTime>) {
        let seconds =
            |until: SystemTime| until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().ceil() as u32;
        self.until = until.map(|until| NonZeroU32::new(seconds(until)).unwrap_or(NonZeroU32::MIN));
    }
}

impl Subscriber {
    pub(super) fn new(is_native: bool, now: Instant) -> Subscriber {
        Subscriber {
            is_native,
            subscriptions: Vec::new(),
            had: Seq::default(),
            latest_began: Seq::default(),
            commands_full_at: now,
            heartbeat: Duration::MAX,
        }
    }

    /// Its subscriptions, by key.
    pub(super) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// Whether some of its subscriptions end by themselves.
    pub(super) fn has_ends(&self) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.until.is_some())
    }

    /// How many channels it has.
    pub(super) fn channels(&self) -> usize {
        self.subscriptions.len() - usize::from(self.has_everybody())
    }

    /// Whether it gets what is for everybody.
    pub(super) fn has_everybody(&self) -> bool {
        // Those keys are greater than all others.
        self.subscriptions.last().is_some_and(|last| last.channel.is_everybody())
    }

    pub(super) fn has(&self, channel: ChannelKey) -> bool {
        self.find(channel).is_ok()
    }

    pub(super) fn get_mut(&mut self, channel: ChannelKey) -> Option<&mut Subscription> {
        self.find(channel).ok().map(|index| &mut self.subscriptions[index])
    }

    /// Adds one that it does not have.
    pub(super) fn insert(&mut self, subscription: Subscription) {
        if let Err(index) = self.find(subscription.channel) {
            // Most clients have a few, and memory for twice as many is much for each of them.
            self.subscriptions.reserve_exact(1);
            self.latest_began = self.latest_began.max(subscription.began);
            self.subscriptions.insert(index, subscription);
        }
    }

    pub(super) fn remove(&mut self, channel: ChannelKey) -> Option<Subscription> {
        let subscription = self.find(channel).ok().map(|index| self.subscriptions.remove(index));
        if self.subscriptions.len() <= self.subscriptions.capacity() / 2 {
            self.subscriptions.shrink_to_fit();
        }
        subscription
    }

    /// Takes what a command costs, in channels. `burst` is what may be asked for at once. Returns false if that is more
    /// than it may ask for now.
    pub(super) fn spend(&mut self, cost: usize, burst: usize, now: Instant) -> bool {
        let time = REFILL.mul_f64(cost as f64 / burst.max(1) as f64);
        let full_at = self.commands_full_at.max(now) + time;
        let is_allowed = full_at.saturating_duration_since(now) <= REFILL;
        if is_allowed {
            self.commands_full_at = full_at;
        }
        is_allowed
    }

    fn find(&self, channel: ChannelKey) -> Result<usize, usize> {
        self.subscriptions.binary_search_by_key(&channel, |subscription| subscription.channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_bounded_and_come_back() {
        let now = Instant::now();
        let mut subscriber = Subscriber::new(true, now);
        assert!((0..10).all(|_| subscriber.spend(1, 10, now)));
        assert!(!subscriber.spend(1, 10, now));
        assert!(subscriber.spend(1, 10, now + REFILL / 10));
        assert!(!subscriber.spend(1, 10, now + REFILL / 10));
        assert!(subscriber.spend(10, 10, now + REFILL * 2));
        assert!(!subscriber.spend(11, 10, now + REFILL * 9));
    }

    #[test]
    fn subscriptions_are_found_by_their_channel() {
        let mut subscriber = Subscriber::new(true, Instant::now());
        for (slot, key) in [7, 3, 9, u64::MAX].into_iter().enumerate() {
            let (channel, began) = (ChannelKey(key), Seq(key));
            subscriber.insert(Subscription::new(channel, slot as u32, began, began));
        }
        assert_eq!(subscriber.channels(), 3);
        assert_eq!(subscriber.remove(ChannelKey(7)).map(|subscription| subscription.slot), Some(0));
        assert!(!subscriber.has(ChannelKey(7)) && subscriber.has(ChannelKey(9)));
    }
}
