//! The times in the log, which never go backwards.

use crate::publication::Seq;
use crate::unix_time;

/// When a number was given, in nanoseconds since 1970, by this machine's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogTime(pub(crate) u64);

impl LogTime {
    /// The system's clock.
    pub(crate) fn now() -> LogTime {
        LogTime(u64::try_from(unix_time::now().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The millisecond that it is in, since 1970.
    pub(crate) fn millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

/// What the log no longer holds: everything up to a number. For a log from which nothing was trimmed, that is what
/// was before the beginning of its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trimmed {
    /// The last number. 0 if none was trimmed.
    pub(crate) seq: Seq,
    /// When it was given, or when the epoch began.
    pub(crate) at: LogTime,
}

/// The system's clock, except that it stands still while that one is behind an earlier reading.
#[derive(Debug)]
pub(super) struct Clock {
    last: LogTime,
}

impl Clock {
    /// Never behind this time.
    pub(super) fn after(last: LogTime) -> Clock {
        Clock { last }
    }

    pub(super) fn read(&mut self) -> LogTime {
        self.read_at(LogTime::now())
    }

    fn read_at(&mut self, now: LogTime) -> LogTime {
        self.last = self.last.max(now);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_never_go_backwards_when_the_clock_does() {
        let mut clock = Clock::after(LogTime(10));
        let read: Vec<u64> = [5, 12, 11, 12, 13].map(|now| clock.read_at(LogTime(now)).0).to_vec();
        assert_eq!(read, [10, 12, 12, 12, 13]);
    }
}
