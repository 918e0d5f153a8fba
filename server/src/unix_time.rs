//! The system's clock, and how far those of several machines may be apart.

use std::time::{Duration, SystemTime};

/// By so much the clocks of several machines may differ. From this difference on, clients that come back with a moment can
/// miss events.
pub const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(3);

/// The time since 1970.
pub(crate) fn now() -> Duration {
    #[cfg(test)]
    if let Some(time) = testing::TIME.get() {
        return time;
    }
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        /// The time for this thread, if a test decides that.
        pub(crate) static TIME: Cell<Option<Duration>> = const { Cell::new(None) };
    }
}
