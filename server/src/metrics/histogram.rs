//! Durations, counted by bounds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many durations were at most as long as each of some bounds. Added to by one thread or several.
#[derive(Debug)]
pub(crate) struct Histogram<const BOUNDS: usize> {
    bounds: &'static [f64; BOUNDS],
    /// Those that are at most as long as the bound of the same index, and longer than the one before.
    counts: [AtomicU64; BOUNDS],
    beyond: AtomicU64,
    nanos: AtomicU64,
}

/// What a histogram had counted at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub(crate) bounds: Vec<f64>,
    /// One for each bound, and the last for what is beyond all.
    pub(crate) counts: Vec<u64>,
    /// In seconds.
    pub(crate) sum: f64,
}

impl<const BOUNDS: usize> Histogram<BOUNDS> {
    pub(crate) fn new(bounds: &'static [f64; BOUNDS]) -> Histogram<BOUNDS> {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Histogram { bounds, counts, beyond: AtomicU64::new(0), nanos: AtomicU64::new(0) }
    }

    pub(crate) fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let index = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts.get(index).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn counted(&self) -> Counted {
        let counts = self.counts.iter().chain([&self.beyond]).map(|count| count.load(Ordering::Relaxed)).collect();
        let sum = Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64();
        Counted { bounds: self.bounds.to_vec(), counts, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&[0.001, 0.5]);
        for millis in [0, 1, 2, 500, 501, 60_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let counted = histogram.counted();
        assert_eq!((counted.bounds, counted.counts), (vec![0.001, 0.5], vec![2, 2, 2]));
        assert!((counted.sum - 61.004).abs() < 1e-9);
    }
}
