//! Pauses between tries of what the file system or a broker refuses.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::log_limit::LogLimit;
use crate::logged_reason::LoggedReason;

/// Pause after a failure, doubled up to `MAX_PAUSE`.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A second at least is between two failures that are logged: others may be able to cause one after the other.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// A series of failures, if there is one.
#[derive(Debug)]
pub(crate) struct Backoff {
    series: Option<Series>,
    reason: LoggedReason,
    log_limit: LogLimit,
}

#[derive(Debug)]
struct Series {
    pause: Duration,
    until: Instant,
    is_logged: bool,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { series: None, reason: LoggedReason::default(), log_limit: LogLimit::every(LOG_INTERVAL) }
    }
}

impl Backoff {
    /// Notes a failure: the next try is after a pause. Returns whether it is to be logged: it is the first of a series,
    /// or has another reason than the one before, and none was logged a moment ago.
    pub(crate) fn fail(&mut self, now: Instant, reason: impl Display) -> bool {
        let (pause, was_logged) = self
            .series
            .as_ref()
            .map_or((MIN_PAUSE, false), |series| ((series.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE), series.is_logged));
        let is_logged = self.reason.is_new(reason) && self.log_limit.allow(now).is_some();
        if !is_logged && !was_logged {
            // The next failure of the series is logged.
            self.reason.clear();
        }
        self.series = Some(Series { pause, until: now + pause, is_logged: is_logged || was_logged });
        is_logged
    }

    /// Notes that a part succeeded: the next try is at once, and pauses begin again at the shortest.
    pub(crate) fn progress(&mut self, now: Instant) {
        if let Some(series) = &mut self.series {
            (series.pause, series.until) = (Duration::ZERO, now);
        }
    }

    /// Notes a success. Returns whether it is to be logged: it ends a series of failures that was.
    pub(crate) fn succeed(&mut self) -> bool {
        self.reason.clear();
        self.series.take().is_some_and(|series| series.is_logged)
    }

    /// When the next try is due, while there is a series of failures.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.series.as_ref().map(|series| series.until)
    }

    /// Whether something failed and is to be tried again now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// Whether something failed and is not to be tried again yet.
    pub(crate) fn is_waiting(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_again_after_a_success() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert!(!backoff.succeed() && !backoff.is_waiting(now));
        assert!(backoff.fail(now, "full"));
        assert!(backoff.is_waiting(now) && !backoff.is_waiting(now + MIN_PAUSE));
        assert!(!backoff.fail(now, "full"));
        assert_eq!(backoff.until(), Some(now + 2 * MIN_PAUSE));
        assert!((0..20).all(|_| !backoff.fail(now, "full")));
        assert_eq!(backoff.until(), Some(now + MAX_PAUSE));
        backoff.progress(now);
        assert!(backoff.is_due(now) && !backoff.fail(now, "full"), "the series goes on");
        assert_eq!(backoff.until(), Some(now + MIN_PAUSE));
        assert!(!backoff.is_due(now));
        assert!(backoff.succeed() && backoff.fail(now + LOG_INTERVAL, "full"));
        assert_eq!(backoff.until(), Some(now + LOG_INTERVAL + MIN_PAUSE));
    }

    #[test]
    fn another_reason_is_logged_and_does_not_begin_another_series() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert!(backoff.fail(now, "missing") && !backoff.fail(now, "missing"));
        let later = now + LOG_INTERVAL;
        assert!(backoff.fail(later, "a file"));
        assert_eq!(backoff.until(), Some(later + 4 * MIN_PAUSE));
    }

    #[test]
    fn series_that_follow_each_other_at_once_are_logged_once_a_second() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert!(backoff.fail(now, "lost") && backoff.succeed());
        let at = |part: u32| now + LOG_INTERVAL * part / 10;
        assert!((1..10).all(|part| !backoff.fail(at(part), "lost") && !backoff.succeed()));
        assert!(!backoff.fail(at(9), "lost") && backoff.fail(at(10), "lost"), "it lasts");
        assert!(!backoff.fail(at(11), "lost") && backoff.succeed(), "the end of one that was logged");
    }
}
