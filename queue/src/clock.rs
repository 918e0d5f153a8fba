//! How old a file is, although the system time may be changed while we run.

use std::time::{Duration, Instant, SystemTime};

/// The system time when it began, and what has passed since by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    wall: SystemTime,
    began: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { wall: SystemTime::now(), began: Instant::now() }
    }

    /// The age of a file that says when it was written: the least that is sure. Producers can set any time, even one that no
    /// clock shows: the future is young.
    pub(crate) fn age(&self, modified: Option<SystemTime>) -> Duration {
        self.age_at(modified, SystemTime::now(), Instant::now())
    }

    /// The system time may have been changed since the file was written, or between that and our beginning: one of both is right.
    fn age_at(&self, modified: Option<SystemTime>, wall: SystemTime, now: Instant) -> Duration {
        let undisturbed = self.wall + now.saturating_duration_since(self.began);
        let since = |modified| wall.min(undisturbed).duration_since(modified).unwrap_or_default();
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
        let now = clock.began + 10 * SECOND;
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
