//! What a plain client of several broadcasters was promised.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::torture::order::{Audience, Order};
use crate::torture::record::{Step, Tally};

/// A broadcaster may find out so much later that Redis has forgotten something.
const LATE_MILLIS: u64 = 15_000;

/// Reads the steps of a plain client: on each connection, everything for everybody since its first event of each
/// producer, in order. Nobody can tell it that Redis has forgotten something.
///
/// # Panics
/// When it did not get that.
pub(super) fn check_plain(order: &Order, forgotten: &[RangeInclusive<u64>], steps: &[Step]) -> Tally {
    let everybody = Audience { everybody: true, channels: Vec::new() };
    let whole = ((0, 0), (u64::MAX, 0));
    let mut numbers: HashMap<u32, Vec<u32>> = HashMap::new();
    for (_, (producer, number)) in order.due(&everybody, whole) {
        numbers.entry(producer).or_default().push(number);
    }
    for numbers in numbers.values_mut() {
        numbers.sort_unstable();
        numbers.dedup();
    }
    let mut tally = Tally::default();
    let mut next: HashMap<u32, usize> = HashMap::new();
    let mut is_strict = true;
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Connected(at) => {
                next.clear();
                let later = steps[index + 1..].iter().find_map(|step| match step {
                    Step::Connected(at) => Some(*at),
                    _ => None,
                });
                let (from, to) = (at.saturating_sub(LATE_MILLIS), later.unwrap_or(u64::MAX));
                is_strict = !forgotten.iter().any(|at| *at.end() >= from && *at.start() <= to);
            }
            Step::Got(arrival) => {
                let (producer, number) = arrival.event;
                let all = numbers.get(&producer).map_or(&[][..], Vec::as_slice);
                let at = all.binary_search(&number).unwrap_or_else(|_| panic!("{arrival:?} is not for everybody"));
                if let Some(expected) = next.insert(producer, at + 1)
                    && is_strict
                {
                    assert_eq!(at, expected, "{arrival:?} instead of {:?}", all.get(expected));
                }
                tally.events += 1;
            }
            Step::Left => {}
            other => panic!("{other:?} of a plain client"),
        }
    }
    tally
}
