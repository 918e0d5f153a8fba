//! A number that is read by others while it changes.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count or a present value. Nothing is ordered by it.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds, if several threads do.
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Adds, if no other thread changes it at the same time: the processor need not lock anything.
    pub(crate) fn add_alone(&self, number: u64) {
        self.set(self.get().wrapping_add(number));
    }

    /// Subtracts, if no other thread changes it at the same time.
    pub(crate) fn subtract_alone(&self, number: u64) {
        self.set(self.get().wrapping_sub(number));
    }

    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sums counts of several, by their index.
pub(super) fn sums<const N: usize>(all: impl Iterator<Item = [u64; N]>) -> [u64; N] {
    all.fold([0; N], |sums, counts| std::array::from_fn(|index| sums[index] + counts[index]))
}

/// What each of some counts is.
pub(super) fn read<const N: usize>(counts: &[Count; N]) -> [u64; N] {
    std::array::from_fn(|index| counts[index].get())
}
