//! Log lines that a client, a producer or a broker can cause: one of a kind in a while, so that nobody fills the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(60);
/// The shortest time between two lines of a kind.
const SHORTEST: Duration = Duration::from_secs(1);

/// When a line of one kind was logged last.
#[derive(Debug)]
pub(crate) struct LogLimit {
    interval: Duration,
    last: Option<Instant>,
    suppressed: u64,
}

impl Default for LogLimit {
    fn default() -> LogLimit {
        LogLimit::every(INTERVAL)
    }
}

impl LogLimit {
    /// One line in such a time.
    pub(crate) fn every(interval: Duration) -> LogLimit {
        LogLimit { interval, last: None, suppressed: 0 }
    }

    /// One line a second.
    pub(crate) fn every_second() -> LogLimit {
        LogLimit::every(SHORTEST)
    }

    /// Whether to log it now: then how many were not since the last.
    pub(crate) fn allow(&mut self, now: Instant) -> Option<u64> {
        self.allow_of(1, now)
    }

    /// The same for a line about several.
    pub(crate) fn allow_of(&mut self, count: u64, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
            self.suppressed += count;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// The same for several threads.
#[derive(Debug)]
pub(crate) struct SharedLogLimit(Mutex<LogLimit>);

impl SharedLogLimit {
    /// One line a second.
    pub(crate) fn every_second() -> SharedLogLimit {
        SharedLogLimit(Mutex::new(LogLimit::every_second()))
    }

    /// One line a minute.
    pub(crate) fn every_minute() -> SharedLogLimit {
        SharedLogLimit(Mutex::default())
    }

    /// Whether to log it now: then how many were not since the last.
    pub(crate) fn allow(&self, now: Instant) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).allow(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_logged_in_a_minute_and_the_others_are_counted() {
        let mut log_limit = LogLimit::default();
        let now = Instant::now();
        assert_eq!(log_limit.allow(now), Some(0));
        assert_eq!(log_limit.allow(now), None);
        assert_eq!(log_limit.allow(now + INTERVAL / 2), None);
        assert_eq!(log_limit.allow(now + INTERVAL), Some(2));
        assert_eq!(log_limit.allow(now + INTERVAL * 3), Some(0));
    }
}
