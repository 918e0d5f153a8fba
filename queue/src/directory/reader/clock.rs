//! How old a file is, also when the system time is changed while we run.

use std::time::{Duration, Instant, SystemTime};

/// The system time at its start, and the monotonic clock to measure what has passed since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    wall: SystemTime,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { wall: SystemTime::now(), started: Instant::now() }
    }

    /// The age of a file with this modification time, as a lower bound. Producers can set any time, also one in the
    /// future: the age is zero then.
    pub(super) fn age(&self, modified: Option<SystemTime>) -> Duration {
        self.age_at(modified, SystemTime::now(), Instant::now())
    }

    /// The system time may have been changed after the file was written, or before this clock was started. In each case
    /// one of the two times is right.
    fn age_at(&self, modified: Option<SystemTime>, wall: SystemTime, now: Instant) -> Duration {
        let unchanged = self.wall + now.saturating_duration_since(self.started);
        let since = |modified| wall.min(unchanged).duration_since(modified).unwrap_or_default();
        modified.map_or(Duration::ZERO, since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_file_does_not_age_when_the_time_of_day_is_set() {
        let clock = Clock::start();
        let now = clock.started + 10 * SECOND;
        let wall = clock.wall + 10 * SECOND;
        let (young, old) = (Some(wall - SECOND), Some(wall - HOUR));
        assert_eq!(clock.age_at(young, wall, now), SECOND);
        assert_eq!(clock.age_at(old, wall, now), HOUR);
        // Set forward after it was written, and before.
        assert_eq!(clock.age_at(young, wall + HOUR, now), SECOND);
        assert_eq!(clock.age_at(Some(wall + HOUR - SECOND), wall + HOUR, now), Duration::ZERO);
        // Set back after it was written, and before.
        assert_eq!(clock.age_at(young, wall - HOUR, now), Duration::ZERO);
        assert_eq!(clock.age_at(Some(wall - HOUR - SECOND), wall - HOUR, now), SECOND);
    }
}
