//! Medians, percentiles and spreads of many measurements.

use std::fmt;

/// The median of several measurements with the least and the greatest of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let median = percentile_of_sorted(&values, 0.5);
        let (min, max) = (values.first().copied().unwrap_or(f64::NAN), values.last().copied().unwrap_or(f64::NAN));
        Spread { median, min, max }
    }

    /// Round by round, so that what slows down a whole round affects both values.
    pub(crate) fn of_ratios(values: &[f64], references: &[f64]) -> Spread {
        Spread::of(values.iter().zip(references).map(|(value, reference)| value / reference))
    }

    pub(crate) fn scaled(self, factor: f64) -> Spread {
        Spread { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }
}

impl fmt::Display for Spread {
    /// `median (min..max)`, with three significant digits unless a precision is given.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = formatter.precision().unwrap_or_else(|| decimals(self.median));
        write!(formatter, "{:.digits$} ({:.digits$}..{:.digits$})", self.median, self.min, self.max)
    }
}

/// Decimals that show three digits of a value.
pub(crate) fn decimals(value: f64) -> usize {
    match value.abs() {
        0.0 => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        value if value >= 0.1 => 3,
        _ => 4,
    }
}

/// The value below which the given part of the values lies, between neighbours where there is none exactly.
fn percentile_of_sorted(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// Percentiles of latencies in nanoseconds, as milliseconds.
pub(crate) fn percentile_ms(latencies: &mut [u64], part: f64) -> f64 {
    latencies.sort_unstable();
    let Some(last) = latencies.len().checked_sub(1) else { return f64::NAN };
    latencies[(part * last as f64).round() as usize] as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 2.0, 3.0]);
        assert_eq!((spread.median, spread.min, spread.max), (2.5, 1.0, 4.0));
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let spread = Spread::of_ratios(&[1.0, 4.0], &[2.0, 8.0]);
        assert_eq!((spread.min, spread.max), (0.5, 0.5));
    }

    #[test]
    fn percentiles_of_latencies_are_milliseconds() {
        let mut latencies: Vec<u64> = (0..=100).rev().map(|ms| ms * 1_000_000).collect();
        assert_eq!(percentile_ms(&mut latencies, 0.99), 99.0);
    }
}
