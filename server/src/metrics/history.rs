//! What is counted of the history. It is written under the lock of the hub's order, and read without it.

use std::time::Duration;

use super::count::Count;
use crate::history::HistorySize;
use crate::history::log::LogTime;
use crate::unix_time;

/// What is kept for clients that come back.
#[derive(Debug, Default)]
pub(crate) struct HistoryCounts {
    events: Count,
    bytes: Count,
    /// When the oldest event was published, in nanoseconds since 1970. 0: there is none.
    oldest: Count,
}

impl HistoryCounts {
    pub(crate) fn set(&self, size: HistorySize, oldest: Option<LogTime>) {
        self.events.set(size.events as u64);
        self.bytes.set(size.bytes as u64);
        self.oldest.set(oldest.map_or(0, |at| at.0));
    }

    pub(crate) fn events(&self) -> u64 {
        self.events.get()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// How old the oldest event is, in seconds. 0: there is none.
    pub(crate) fn oldest_seconds(&self) -> f64 {
        match self.oldest.get() {
            0 => 0.0,
            oldest => unix_time::now().saturating_sub(Duration::from_nanos(oldest)).as_secs_f64(),
        }
    }
}
