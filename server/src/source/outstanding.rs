//! Entries whose events were published and are not delivered to every client yet.

use std::collections::VecDeque;

use queue::EntryName;

use crate::history::log::{LogTime, Logged};
use crate::publication::Seq;
use crate::source::taken::TakenEntry;

#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// In the order of their numbers.
    entries: VecDeque<Entry>,
    publications: usize,
    /// Bytes of the events that are kept.
    kept_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    name: EntryName,
    publications: usize,
    last: Seq,
    number: Seq,
    /// When its events got their numbers, and the events: for the next history log, if there is none now.
    kept: Option<(LogTime, TakenEntry)>,
}

impl Outstanding {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many publications they have together.
    pub(super) fn publications(&self) -> usize {
        self.publications
    }

    /// Adds an entry that is published, behind the others. `last` is where the last of its publications is in the order
    /// of this process, `number` that of the first in the ids of clients.
    pub(super) fn push(&mut self, name: EntryName, publications: usize, last: Seq, number: Seq) {
        self.publications += publications;
        self.entries.push_back(Entry { name, publications, last, number, kept: None });
    }

    /// Keeps the events of the entry that was added last, which have no record in a history log. Of all entries, so many
    /// bytes are kept at most.
    pub(super) fn keep(&mut self, at: LogTime, taken: TakenEntry, max_bytes: usize) {
        let bytes = taken.bytes();
        if let Some(entry) = self.entries.back_mut()
            && self.kept_bytes + bytes <= max_bytes
        {
            self.kept_bytes += bytes;
            entry.kept = Some((at, taken));
        }
    }

    /// All events, for a history log that is written as a whole. `None`: some are not known any more.
    pub(super) fn logged(&self) -> Option<Vec<(LogTime, Logged<'_>)>> {
        let mut all = Vec::with_capacity(self.publications);
        for entry in &self.entries {
            let (at, taken) = entry.kept.as_ref()?;
            all.extend(taken.logged(entry.number).map(|event| (*at, event)));
        }
        Some(all)
    }

    /// Keeps no events any more: the history log has them.
    pub(super) fn forget_events(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.kept = None);
        self.kept_bytes = 0;
    }

    /// The number of the first publication that is not delivered.
    pub(super) fn first_number(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.number)
    }

    /// Takes out the next entry if all of its publications are delivered.
    pub(super) fn take_delivered(&mut self, delivered: Seq) -> Option<EntryName> {
        if self.entries.front()?.last > delivered {
            return None;
        }
        let Entry { name, publications, kept, .. } = self.entries.pop_front()?;
        self.publications -= publications;
        self.kept_bytes -= kept.map_or(0, |(_, taken)| taken.bytes());
        Some(name)
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Outstanding::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_delivered_with_its_last_publication() {
        let name = |name: &str| name.parse::<EntryName>().expect("a name");
        let mut outstanding = Outstanding::default();
        outstanding.push(name("1.events"), 3, Seq(3), Seq(13));
        outstanding.push(name("2.json"), 1, Seq(4), Seq(16));
        assert_eq!(outstanding.first_number(), Some(Seq(13)));
        assert_eq!(outstanding.take_delivered(Seq(2)), None);
        assert_eq!(outstanding.publications(), 4);
        assert_eq!(outstanding.take_delivered(Seq(3)), Some(name("1.events")));
        assert_eq!((outstanding.take_delivered(Seq(3)), outstanding.publications()), (None, 1));
        assert_eq!(outstanding.first_number(), Some(Seq(16)));
        assert_eq!(outstanding.take_delivered(Seq(9)), Some(name("2.json")));
        assert!(outstanding.is_empty() && outstanding.publications() == 0);
    }
}
