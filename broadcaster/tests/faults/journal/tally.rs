//! What one client saw of the events of very many producers, through several runs of the broadcaster.

use std::collections::{BTreeSet, HashMap};

use crate::journal::producer::is_whole;
use crate::support::numbers;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    producers: HashMap<usize, Seen>,
    pub(crate) events: usize,
    pub(crate) repeats: usize,
    /// What came too early, and what came after it. Only the first ones.
    disorder: Vec<String>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The number after the highest that came.
    next: usize,
    /// Lower ones that never came.
    missing: BTreeSet<usize>,
    run: usize,
    /// The last one that came in this run.
    last: Option<usize>,
}

impl Tally {
    /// Notes an event.
    ///
    /// # Panics
    /// When it is partial, or comes a second time from one broadcaster.
    pub(crate) fn note(&mut self, run: usize, payload: &str) {
        let (producer, number) = numbers(payload);
        assert!(is_whole(producer, number, payload), "[{producer},{number}] is partial");
        let (seen, at) = (self.producers.entry(producer).or_default(), self.events);
        if seen.run != run {
            (seen.run, seen.last) = (run, None);
        }
        let is_late = seen.missing.remove(&number);
        let is_first = is_late || number >= seen.next;
        if number > seen.next || is_late {
            let what = format!("{at}: [{producer},{number}] in run {run}, due was {}", seen.next);
            self.disorder.extend(Some(what).filter(|_| self.disorder.len() < 1000));
        }
        assert!(is_late || seen.last < Some(number), "[{producer},{number}] came after {:?}", seen.last);
        seen.last = seen.last.max(Some(number));
        seen.missing.extend(seen.next..number);
        seen.next = seen.next.max(number + 1);
        if is_first {
            self.events += 1;
        } else {
            self.repeats += 1;
        }
    }

    /// How many events of a producer came, if none is missing.
    pub(crate) fn received(&self, producer: usize) -> usize {
        self.producers.get(&producer).map_or(0, |seen| seen.next - seen.missing.len())
    }

    /// Checks that everything came in the order of its producer.
    ///
    /// # Panics
    /// When something did not.
    pub(crate) fn assert_in_order(&self) {
        let missing: Vec<_> = self.producers.iter().filter(|(_, seen)| !seen.missing.is_empty()).collect();
        assert!(missing.is_empty() && self.disorder.is_empty(), "{missing:?} is lost; {:#?}", self.disorder);
    }
}
