//! When an event was queued, and the reading of the clock that decides it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When an event was queued, in nanoseconds since the Unix epoch. Entries are delivered in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueuedAt(u64);

impl QueuedAt {
    pub(crate) fn from_nanos(nanos: u64) -> QueuedAt {
        QueuedAt(nanos)
    }

    /// The time at which a file was written. One before 1970 counts as 1970.
    pub(crate) fn from_system(time: SystemTime) -> QueuedAt {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        QueuedAt(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn to_system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0)
    }

    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    pub(crate) fn from_secs(secs: f64) -> QueuedAt {
        // A double holds today's time exactly to the microsecond, but not to the nanosecond. Rounding gives equal texts
        // equal times.
        QueuedAt(((secs * 1e6).round() as u64).saturating_mul(1_000))
    }
}

/// One reading of the clock. The name of an entry and all times in it come from the same reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Now {
    since_epoch: Duration,
}

impl Now {
    pub(crate) fn read() -> Now {
        Now::at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    pub(crate) fn at(since_epoch: Duration) -> Now {
        Now { since_epoch }
    }

    pub(crate) fn secs(self) -> u64 {
        self.since_epoch.as_secs()
    }

    pub(crate) fn subsec_micros(self) -> u32 {
        self.since_epoch.subsec_micros()
    }

    pub(crate) fn subsec_nanos(self) -> u32 {
        self.since_epoch.subsec_nanos()
    }

    pub(crate) fn queued_at(self) -> QueuedAt {
        QueuedAt::from_nanos(self.since_epoch.as_nanos() as u64)
    }
}
