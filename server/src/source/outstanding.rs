//! Entries whose events were published and are not delivered to every client yet.

use std::collections::VecDeque;

use queue::EntryName;

use crate::publication::Seq;

#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// In the order of their numbers.
    entries: VecDeque<Entry>,
    publications: usize,
}

#[derive(Debug)]
struct Entry {
    name: EntryName,
    publications: usize,
    last: Seq,
}

impl Outstanding {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many publications they have together.
    pub(super) fn publications(&self) -> usize {
        self.publications
    }

    /// Adds an entry that is published, behind the others. `last` is the number of the last of its publications.
    pub(super) fn push(&mut self, name: EntryName, publications: usize, last: Seq) {
        self.publications += publications;
        self.entries.push_back(Entry { name, publications, last });
    }

    /// Takes out the next entry if all of its publications are delivered.
    pub(super) fn take_delivered(&mut self, delivered: Seq) -> Option<EntryName> {
        if self.entries.front()?.last > delivered {
            return None;
        }
        let Entry { name, publications, .. } = self.entries.pop_front()?;
        self.publications -= publications;
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
        outstanding.push(name("1.events"), 3, Seq(3));
        outstanding.push(name("2.json"), 1, Seq(4));
        assert_eq!(outstanding.take_delivered(Seq(2)), None);
        assert_eq!(outstanding.publications(), 4);
        assert_eq!(outstanding.take_delivered(Seq(3)), Some(name("1.events")));
        assert_eq!((outstanding.take_delivered(Seq(3)), outstanding.publications()), (None, 1));
        assert_eq!(outstanding.take_delivered(Seq(9)), Some(name("2.json")));
        assert!(outstanding.is_empty() && outstanding.publications() == 0);
    }
}
