//! What one client saw of the events of very many producers, through several runs of the broadcaster.

use std::collections::HashMap;

use crate::journal::producer::is_whole;
use crate::support::numbers;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    producers: HashMap<usize, Seen>,
    pub(crate) events: usize,
    pub(crate) repeats: usize,
}

#[derive(Debug, Default)]
struct Seen {
    /// The number of the first event that never came, and so how many came.
    next: usize,
    run: usize,
    /// The last one that came in this run.
    last: Option<usize>,
}

impl Tally {
    /// Notes an event.
    ///
    /// # Panics
    /// When it is partial, comes before an earlier one of its producer, or a second time from one broadcaster.
    pub(crate) fn note(&mut self, run: usize, payload: &str) {
        let (producer, number) = numbers(payload);
        assert!(is_whole(producer, number, payload), "[{producer},{number}] is partial");
        let seen = self.producers.entry(producer).or_default();
        if seen.run != run {
            (seen.run, seen.last) = (run, None);
        }
        assert!(seen.last < Some(number), "[{producer},{number}] came after {:?}", seen.last);
        assert!(number <= seen.next, "producer {producer}: {number} came first when {} was due", seen.next);
        seen.last = Some(number);
        if number == seen.next {
            seen.next += 1;
            self.events += 1;
        } else {
            self.repeats += 1;
        }
    }

    /// How many events of a producer came.
    pub(crate) fn received(&self, producer: usize) -> usize {
        self.producers.get(&producer).map_or(0, |seen| seen.next)
    }
}
