//! Durations, counted by bounds.

use std::time::Duration;

use super::count::Count;

/// How many durations were at most as long as each of some bounds.
#[derive(Debug)]
pub(crate) struct Histogram<const BOUNDS: usize> {
    bounds: &'static [f64; BOUNDS],
    /// Those that are at most as long as the bound of the same index, and longer than the one before.
    counts: [Count; BOUNDS],
    beyond: Count,
    nanos: Count,
}

/// What histograms had counted at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub(crate) bounds: &'static [f64],
    /// One for each bound, and the last for what is beyond all.
    pub(crate) counts: Vec<u64>,
    /// In seconds.
    pub(crate) sum: f64,
}

impl<const BOUNDS: usize> Histogram<BOUNDS> {
    pub(crate) fn new(bounds: &'static [f64; BOUNDS]) -> Histogram<BOUNDS> {
        let counts = std::array::from_fn(|_| Count::default());
        Histogram { bounds, counts, beyond: Count::default(), nanos: Count::default() }
    }

    /// Adds, if several threads do.
    pub(crate) fn add(&self, duration: Duration) {
        self.count_of(duration).add(1);
        self.nanos.add(duration.as_nanos() as u64);
    }

    /// Adds, if no other thread does at the same time.
    pub(crate) fn add_alone(&self, duration: Duration) {
        self.count_of(duration).add_alone(1);
        self.nanos.add_alone(duration.as_nanos() as u64);
    }

    fn count_of(&self, duration: Duration) -> &Count {
        let seconds = duration.as_secs_f64();
        let index = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts.get(index).unwrap_or(&self.beyond)
    }

    pub(crate) fn counted(&self) -> Counted {
        let counts = self.counts.iter().chain([&self.beyond]).map(Count::get).collect();
        let sum = Duration::from_nanos(self.nanos.get()).as_secs_f64();
        Counted { bounds: self.bounds, counts, sum }
    }
}

impl Counted {
    /// Of both, which have the same bounds.
    pub(crate) fn and(mut self, other: &Counted) -> Counted {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.sum += other.sum;
        self
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
        let alone = Histogram::new(&[0.001, 0.5]);
        alone.add_alone(Duration::from_millis(2));
        let counted = histogram.counted().and(&alone.counted());
        assert_eq!((counted.bounds, counted.counts), (&[0.001, 0.5][..], vec![2, 3, 2]));
        assert!((counted.sum - 61.006).abs() < 1e-9);
    }
}
