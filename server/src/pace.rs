//! How fast a client takes what it is sent, measured while it is far behind.

use std::time::{Duration, Instant};

use crate::log::Position;

/// A client that takes less is not waited for while others could go on.
const MIN_BYTES_PER_SEC: u64 = 256 * 1024;
/// One that takes so much is waited for longer: a long backlog is what it needs time for.
const FAST_BYTES_PER_SEC: u64 = 1024 * 1024;
/// Time over which it is measured.
const WINDOW: Duration = Duration::from_millis(500);
/// How long a client counts as one that reads after a window in which it took enough. A socket with a large buffer takes nothing
/// until a third of it is free.
const REMEMBERED: Duration = Duration::from_millis(1500);

/// What a client has taken lately.
#[derive(Debug)]
pub(crate) struct Pace {
    since: Instant,
    position: Position,
    speed: Speed,
}

/// What is known of a client's speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// It was not watched for long enough.
    Unknown,
    /// It takes enough.
    Reads {
        /// It shows that again, or is slow from then on.
        until: Instant,
        /// It takes much.
        fast: bool,
    },
    /// It takes little, or nothing.
    Slow,
}

impl Pace {
    /// Begins with a client that has just fallen far behind.
    pub(crate) fn new(position: Position, now: Instant) -> Pace {
        Pace { since: now, position, speed: Speed::Unknown }
    }

    /// Notes where the client stands.
    pub(crate) fn measure(&mut self, position: Position, now: Instant) -> Speed {
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            let taken = u128::from(position.saturating_sub(self.position)) * 1000;
            let takes = |rate: u64| taken >= u128::from(rate) * passed.as_millis();
            self.speed = match self.speed {
                Speed::Reads { until, fast: true } if now < until && !takes(FAST_BYTES_PER_SEC) => self.speed,
                _ if takes(MIN_BYTES_PER_SEC) => {
                    Speed::Reads { until: now + REMEMBERED, fast: takes(FAST_BYTES_PER_SEC) }
                }
                Speed::Reads { until, .. } if now < until => self.speed,
                _ => Speed::Slow,
            };
            (self.since, self.position) = (now, position);
        }
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_judged_before_a_window_is_over() {
        let begin = Instant::now();
        let mut pace = Pace::new(1000, begin);
        assert_eq!(pace.measure(1000, begin + WINDOW / 2), Speed::Unknown);
        assert_eq!(pace.measure(1000, begin + WINDOW), Speed::Slow);
    }

    #[test]
    fn one_that_took_much_at_once_counts_as_one_that_reads_for_a_while() {
        let begin = Instant::now();
        let mut pace = Pace::new(0, begin);
        let taken = MIN_BYTES_PER_SEC / 2;
        let reads = pace.measure(taken, begin + WINDOW);
        assert_eq!(reads, Speed::Reads { until: begin + WINDOW + REMEMBERED, fast: false });
        assert_eq!(pace.measure(taken, begin + WINDOW * 2), reads);
        assert_eq!(pace.measure(taken, begin + WINDOW + REMEMBERED), Speed::Slow);
    }

    #[test]
    fn a_trickle_is_none() {
        let begin = Instant::now();
        let mut pace = Pace::new(0, begin);
        assert_eq!(pace.measure(MIN_BYTES_PER_SEC / 2 - 1, begin + WINDOW), Speed::Slow);
    }
}
