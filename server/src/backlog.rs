//! Whether what is read, from a queue or from the broker's stream, is a backlog: it waited while nobody read, after a
//! restart for example. Then clients that read are waited for, from the first event on: nothing in a backlog is urgent.

use std::time::{Duration, SystemTime};

/// What waited for so long is a backlog.
const MIN_AGE: Duration = Duration::from_secs(2);

/// A backlog that is read, if there is one.
///
/// What was queued while it is read is no part of it, although that is old as well when its turn comes: clients that read
/// slowly must not make all others wait without end. So the next backlog can begin only after everything was read.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Entries that were queued before this time belong to it.
    until: Option<SystemTime>,
    may_begin: bool,
}

impl Backlog {
    /// What waits already at a start is one.
    pub(crate) fn begun(now: SystemTime) -> Backlog {
        Backlog { until: Some(now), may_begin: false }
    }

    /// Notes that nothing waits.
    pub(crate) fn end(&mut self) {
        *self = Backlog { until: None, may_begin: true };
    }

    /// Notes when the oldest of the entries was queued that were just read, as far as that is known. Returns whether
    /// they are part of a backlog.
    pub(crate) fn contains(&mut self, queued_at: Option<SystemTime>, now: SystemTime) -> bool {
        if self.may_begin && queued_at.is_some_and(|time| time + MIN_AGE <= now) {
            *self = Backlog { until: Some(now), may_begin: false };
        }
        if self.until.is_some_and(|until| queued_at.is_some_and(|time| time > until)) {
            self.until = None;
        }
        self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    #[test]
    fn what_waits_at_a_start_is_a_backlog_and_what_comes_later_is_not() {
        let mut backlog = Backlog::begun(at(100));
        assert!(backlog.contains(Some(at(10)), at(100)) && backlog.contains(None, at(101)));
        assert!(backlog.contains(Some(at(99)), at(130)));
        assert!(!backlog.contains(Some(at(101)), at(130)), "it was queued meanwhile");
        assert!(!backlog.contains(Some(at(102)), at(150)), "it is old because others were waited for");
    }

    #[test]
    fn old_entries_begin_a_backlog_only_after_the_queue_was_empty() {
        let mut backlog = Backlog::begun(at(0));
        backlog.end();
        assert!(!backlog.contains(Some(at(100)), at(101)) && !backlog.contains(None, at(101)));
        assert!(backlog.contains(Some(at(100)), at(110)));
        assert!(backlog.contains(Some(at(109)), at(120)) && !backlog.contains(Some(at(111)), at(120)));
        assert!(!backlog.contains(Some(at(112)), at(190)));
        backlog.end();
        assert!(backlog.contains(Some(at(200)), at(210)));
    }
}
