//! The channels of a load: which of them each message goes to, and which each client subscribes.

/// Channels, numbered from `first` on. Message `n` goes to the one at place `n % count`. Client `i` subscribes `each`
/// of them, from place `i * each` on, round and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) each: u64,
}

impl Channels {
    /// The place of the channel that a message goes to.
    pub(crate) fn place(self, number: u64) -> u64 {
        number % self.count
    }

    /// The name of the channel at a place.
    pub(crate) fn name(self, place: u64) -> String {
        format!("c{}", self.first + place)
    }

    /// The places of the channels of a client, in order.
    pub(crate) fn of_client(self, client: usize) -> Vec<u64> {
        let begin = client as u64 * self.each;
        let mut places: Vec<u64> = (begin..begin + self.each.min(self.count)).map(|place| place % self.count).collect();
        places.sort_unstable();
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_have_their_channels_round_and_round() {
        let channels = Channels { first: 10, count: 5, each: 3 };
        assert_eq!(channels.of_client(0), [0, 1, 2]);
        assert_eq!(channels.of_client(1), [0, 3, 4]);
        assert_eq!(channels.name(4), "c14");
        assert_eq!(Channels { first: 0, count: 2, each: 3 }.of_client(7), [0, 1]);
    }
}
