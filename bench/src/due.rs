//! The messages that one client is due, in their order.

use crate::channels::Channels;

/// Which message a client is due next, by the channels that it has.
#[derive(Debug)]
pub(crate) struct Due {
    /// In the order of their places. If there are none, every message is due.
    subscriptions: Box<[Subscription]>,
    /// Channels of the load.
    channels: u64,
    /// The number of the message that is due.
    number: u64,
    /// Which of the subscriptions it comes by.
    turn: usize,
    /// The number of the message at place 0 of its round.
    round: u64,
    /// Messages before this one are not due.
    first: u64,
}

/// A channel that the client has.
#[derive(Debug)]
struct Subscription {
    place: u64,
    name: Box<str>,
}

impl Due {
    /// The first message of a client, by its index. `first`: the number of the first message that it gets.
    pub(crate) fn new(channels: Option<Channels>, client: usize, first: u64) -> Due {
        let subscriptions: Box<[Subscription]> = channels
            .iter()
            .flat_map(|channels| {
                let subscription = |place| Subscription { place, name: channels.name(place).into() };
                channels.of_client(client).into_iter().map(subscription)
            })
            .collect();
        let channels = channels.map_or(1, |channels| channels.count);
        let place = subscriptions.first().map_or(0, |first| first.place);
        let mut due = Due { subscriptions, channels, number: place, turn: 0, round: 0, first };
        while due.number < first {
            due.advance();
        }
        due
    }

    /// Whether every message is due.
    pub(crate) fn is_all(&self) -> bool {
        self.subscriptions.is_empty()
    }

    /// The names of the client's channels.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.subscriptions.iter().map(|subscription| &*subscription.name)
    }

    /// The number of the message that is due.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The channel that it comes by, unless every message is due.
    pub(crate) fn channel(&self) -> Option<&str> {
        self.subscriptions.get(self.turn).map(|subscription| &*subscription.name)
    }

    /// The message that was due has arrived.
    pub(crate) fn advance(&mut self) {
        self.turn += 1;
        if self.turn >= self.subscriptions.len() {
            self.turn = 0;
            self.round += self.channels;
        }
        self.number = self.round + self.subscriptions.get(self.turn).map_or(0, |subscription| subscription.place);
    }

    /// How many of the first messages are due to this client.
    pub(crate) fn among(&self, messages: u64) -> u64 {
        self.of_all(messages).saturating_sub(self.of_all(self.first))
    }

    fn of_all(&self, messages: u64) -> u64 {
        if self.is_all() {
            return messages;
        }
        let (rounds, rest) = (messages / self.channels, messages % self.channels);
        let in_rest = self.subscriptions.partition_point(|subscription| subscription.place < rest);
        rounds * self.subscriptions.len() as u64 + in_rest as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(due: &mut Due, count: usize) -> Vec<(u64, Option<String>)> {
        let next = |_| {
            let next = (due.number(), due.channel().map(str::to_owned));
            due.advance();
            next
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_client_without_channels_is_due_every_message() {
        let mut due = Due::new(None, 7, 0);
        assert_eq!(due.among(5), 5);
        assert_eq!(numbers(&mut due, 3), [(0, None), (1, None), (2, None)]);
        let mut due = Due::new(None, 7, 2);
        assert_eq!((due.among(1), due.among(5)), (0, 3));
        assert_eq!(numbers(&mut due, 2), [(2, None), (3, None)]);
    }

    #[test]
    fn a_subscriber_is_due_the_messages_of_its_channels() {
        let channels = Channels { first: 0, count: 4, each: 2 };
        let mut due = Due::new(Some(channels), 1, 0);
        for messages in 0..12 {
            let expected = (0..messages).filter(|number| channels.place(*number) >= 2).count() as u64;
            assert_eq!(due.among(messages), expected);
        }
        let by = |number, name: &str| (number, Some(name.to_owned()));
        assert_eq!(numbers(&mut due, 4), [by(2, "c2"), by(3, "c3"), by(6, "c2"), by(7, "c3")]);
        let mut due = Due::new(Some(channels), 1, 3);
        assert_eq!(due.among(8), 3);
        assert_eq!(numbers(&mut due, 2), [by(3, "c3"), by(6, "c2")]);
    }
}
