//! A batch as it was read from the queue: the events stay until the history log has them, and the hub.

use queue::{EntryName, Event};

use crate::history::log::Logged;
use crate::publication::Seq;

/// Entries that are read and not published yet.
#[derive(Debug, Default)]
pub(super) struct Taken {
    entries: Vec<TakenEntry>,
    /// What is to be published, in order: an entry and a line of it.
    lines: Vec<(usize, u32)>,
}

/// An entry some of whose events are to be published.
#[derive(Debug)]
pub(super) struct TakenEntry {
    pub(super) name: EntryName,
    events: Vec<Event>,
    /// How many of them are to be published.
    pub(super) publications: usize,
}

impl Taken {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry, of which these lines are to be published.
    pub(super) fn push(&mut self, name: EntryName, events: Vec<Event>, lines: Vec<u32>) {
        let (entry, before) = (self.entries.len(), self.lines.len());
        self.lines.extend(lines.into_iter().map(|line| (entry, line)));
        self.entries.push(TakenEntry { name, events, publications: self.lines.len() - before });
    }

    /// What the history log gets, if the first has this number.
    pub(super) fn logged(&self, first: Seq) -> impl Iterator<Item = Logged<'_>> {
        let numbered = self.lines.iter().zip(0..);
        numbered.filter_map(move |(&(entry, line), after)| {
            let TakenEntry { name, events, .. } = self.entries.get(entry)?;
            Some(Logged::of(first.plus(after), name, line, events.get(line as usize)?))
        })
    }

    /// The events that are to be published.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.lines.iter().filter_map(|&(entry, line)| self.entries.get(entry)?.events.get(line as usize))
    }

    /// Takes the entries out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = TakenEntry> {
        self.lines.clear();
        self.entries.drain(..)
    }
}
