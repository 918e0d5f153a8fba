//! How long a shard's thread may sleep.

use std::time::{Duration, Instant};

use super::Shard;
use crate::application::Application;

/// How often the timeouts are looked at while a client is behind.
const PACE_TICK: Duration = Duration::from_millis(100);

impl<A: Application> Shard<A> {
    /// For how long the thread may sleep, if nothing wakes it. None: without end.
    pub(super) fn plan_sleep(&mut self) -> Option<Duration> {
        let now = self.clock.at(Instant::now());
        self.wakes_at = self.next_work(now);
        self.wakes_at.map(|time| time.saturating_duration_since(now))
    }

    /// Whether the thread, as it planned its sleep, wakes up before there is work.
    pub(super) fn can_sleep_on(&self, now: Instant) -> bool {
        if self.stopping.is_some() {
            return false;
        }
        match (self.next_work(now), self.wakes_at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(next), Some(planned)) => planned <= next,
        }
    }

    fn next_work(&self, now: Instant) -> Option<Instant> {
        let has_work = !self.touched.is_empty() || !self.waiting.is_empty() || !self.joining.is_empty();
        let has_work = has_work || !self.acting.is_empty();
        let next = if self.reading.is_due() || has_work {
            Some(now)
        } else if let Some(next) = self.stopping.as_ref().and_then(|stopping| stopping.next()) {
            Some(next)
        } else if !self.behind.is_empty() {
            Some(now + PACE_TICK)
        } else if let Some(stopping) = &self.stopping {
            Some(stopping.deadline().min(self.ticks.next()))
        } else {
            // Time in which the thread slept for longer than between ticks does not count for those who wait.
            let somebody_waits = !self.sessions.is_empty() || self.ahead.next().is_some();
            somebody_waits.then(|| self.ticks.next())
        };
        self.reading.next().into_iter().chain(self.ahead.next()).chain(next).min()
    }
}
