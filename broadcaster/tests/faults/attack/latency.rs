//! How long events took from the queue to a client.

use std::time::Duration;

/// When events were queued, and how long each took to a client.
#[derive(Default)]
pub(crate) struct Samples(Vec<(Duration, Duration)>);

/// What is said of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Samples {
    pub(crate) fn push(&mut self, queued: Duration, took: Duration) {
        self.0.push((queued, took));
    }

    /// Of the events that were queued between two times. None if nobody received one.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> Option<Latency> {
        let within = self.0.iter().filter(|(queued, _)| (from..to).contains(queued));
        let mut took: Vec<Duration> = within.map(|(_, took)| *took).collect();
        took.sort_unstable();
        let last = took.len().checked_sub(1)?;
        let at = |percent: usize| took[last * percent / 100];
        Some(Latency { p50: at(50), p90: at(90), p99: at(99), max: took[last] })
    }
}
