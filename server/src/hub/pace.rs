//! How fast a client takes what it is sent, measured while it is far behind.

use std::time::{Duration, Instant};

use crate::hub::log::Position;

/// A client that takes less is not waited for while others could go on.
const MIN_BYTES_PER_SEC: u64 = 256 * 1024;
/// One that takes so much is waited for longer: a long backlog is what it needs time for.
const FAST_BYTES_PER_SEC: u64 = 1024 * 1024;
/// How long a client is watched before it is judged.
const MIN_WINDOW: Duration = Duration::from_millis(500);
/// When watching begins anew. Long, because a socket with a large buffer takes nothing until a third of it is free.
const MAX_WINDOW: Duration = Duration::from_secs(5);

/// What a client has taken lately.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    position: Position,
    speed: Speed,
    /// Bytes that were taken since it was begun, of a client that has no position in the log.
    taken: u64,
}

/// What is known of a client's speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speed {
    /// It was not watched for long enough.
    Unknown,
    /// It takes little, or nothing.
    Slow,
    /// It takes enough.
    Moderate,
    /// It takes much.
    Fast,
}

impl Pace {
    /// Begins with a client that has just fallen far behind.
    pub(super) fn new(position: Position, now: Instant) -> Pace {
        Pace { since: now, position, speed: Speed::Unknown, taken: 0 }
    }

    /// Notes bytes that a client has taken that has no position in the log.
    pub(super) fn take(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }

    /// Bytes that such a client has taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Notes where the client stands.
    pub(super) fn measure(&mut self, position: Position, now: Instant) -> Speed {
        let passed = now.saturating_duration_since(self.since);
        if passed >= MIN_WINDOW {
            let taken = u128::from(position.saturating_sub(self.position)) * 1000;
            let takes = |rate: u64| taken >= u128::from(rate) * passed.as_millis();
            self.speed = if takes(FAST_BYTES_PER_SEC) {
                Speed::Fast
            } else if takes(MIN_BYTES_PER_SEC) {
                Speed::Moderate
            } else {
                Speed::Slow
            };
        }
        if passed >= MAX_WINDOW {
            (self.since, self.position) = (now, position);
        }
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_judged_before_a_while_is_over() {
        let begin = Instant::now();
        let mut pace = Pace::new(1000, begin);
        assert_eq!(pace.measure(1000, begin + MIN_WINDOW / 2), Speed::Unknown);
        assert_eq!(pace.measure(1000, begin + MIN_WINDOW), Speed::Slow);
    }

    #[test]
    fn what_was_taken_at_once_counts_for_all_the_time() {
        let begin = Instant::now();
        let mut pace = Pace::new(0, begin);
        let taken = FAST_BYTES_PER_SEC;
        assert_eq!(pace.measure(taken, begin + MIN_WINDOW), Speed::Fast);
        assert_eq!(pace.measure(taken, begin + Duration::from_secs(2)), Speed::Moderate);
        assert_eq!(pace.measure(taken, begin + MAX_WINDOW), Speed::Slow);
        // From here on it is watched anew.
        assert_eq!(pace.measure(taken, begin + MAX_WINDOW + MIN_WINDOW / 2), Speed::Slow);
        assert_eq!(pace.measure(2 * taken, begin + MAX_WINDOW + MIN_WINDOW), Speed::Fast);
    }
}
