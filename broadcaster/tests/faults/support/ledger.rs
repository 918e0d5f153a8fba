//! What one client saw of numbered events through several runs of the broadcaster.

use std::collections::HashMap;

#[derive(Default)]
pub(crate) struct Ledger {
    /// The run in which each event of each producer was last received.
    last_seen: HashMap<(usize, usize), usize>,
    /// How many events of each producer were received, which is also the next one's number.
    received: HashMap<usize, usize>,
    repeats: usize,
}

impl Ledger {
    /// Notes an event `[producer,number]`, whose payload may have more elements.
    ///
    /// # Panics
    /// When it comes before an earlier one of its producer, or a second time from one broadcaster.
    pub(crate) fn note(&mut self, run: usize, payload: &str) {
        let (producer, number) = numbers(payload);
        match self.last_seen.insert((producer, number), run) {
            None => {
                let next = self.received.entry(producer).or_default();
                assert_eq!(number, *next, "producer {producer}: {number} came first when {next} was due");
                *next += 1;
            }
            Some(before) => {
                assert!(before < run, "[{producer},{number}] came twice from one broadcaster");
                self.repeats += 1;
            }
        }
    }

    /// How many events of a producer were received.
    pub(crate) fn received(&self, producer: usize) -> usize {
        self.received.get(&producer).copied().unwrap_or(0)
    }

    /// How many events were received at all.
    pub(crate) fn events(&self) -> usize {
        self.last_seen.len()
    }

    /// How many were received again.
    pub(crate) fn repeats(&self) -> usize {
        self.repeats
    }
}

/// The producer and the number in a payload.
pub(crate) fn numbers(payload: &str) -> (usize, usize) {
    let mut numbers = payload[1..].split([',', ']']).map_while(|text| text.parse().ok());
    numbers.next().zip(numbers.next()).unwrap_or_else(|| panic!("unexpected payload {payload}"))
}
