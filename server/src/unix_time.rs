//! The system's clock.

use std::time::{Duration, SystemTime};

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
