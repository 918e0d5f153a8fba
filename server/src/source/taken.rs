//! A batch as it was read from the queue: the events stay until the history log has them, and the hub.

use queue::{EntryName, Event};
use smallvec::SmallVec;

use crate::history::log::Logged;
use crate::publication::Seq;

/// Entries that are read and not published yet.
#[derive(Debug, Default)]
pub(super) struct Taken {
    entries: Vec<TakenEntry>,
}

/// Lines of an entry. Most have one.
pub(super) type Lines = SmallVec<[u32; 4]>;

/// An entry some of whose events are to be published.
#[derive(Debug)]
pub(super) struct TakenEntry {
    pub(super) name: EntryName,
    events: Vec<Event>,
    /// Which of them are to be published, at least one.
    lines: Lines,
}

impl Taken {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry, of which these lines are to be published.
    pub(super) fn push(&mut self, name: EntryName, events: Vec<Event>, lines: Lines) {
        self.entries.push(TakenEntry { name, events, lines });
    }

    /// What the history log gets, if the first has this number.
    pub(super) fn logged(&self, first: Seq) -> impl Iterator<Item = Logged<'_>> {
        let mut next = first;
        self.entries.iter().flat_map(move |entry| {
            let first = next;
            next = next.plus(entry.publications());
            entry.logged(first)
        })
    }

    /// The events that are to be published.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.entries.iter().flat_map(TakenEntry::published).map(|(_, event)| event)
    }

    /// Takes the entries out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = TakenEntry> {
        self.entries.drain(..)
    }
}

impl TakenEntry {
    /// How many of its events are to be published.
    pub(super) fn publications(&self) -> usize {
        self.lines.len()
    }

    /// What the history log gets of it, if the first has this number.
    pub(super) fn logged(&self, first: Seq) -> impl Iterator<Item = Logged<'_>> {
        let numbered = self.published().enumerate();
        numbered.map(move |(after, (line, event))| Logged::of(first.plus(after), &self.name, line, event))
    }

    /// Bytes of memory that its events take, about.
    pub(super) fn bytes(&self) -> usize {
        let text = |event: &Event| event.name_json().len() + event.payload_json().len();
        self.events.iter().map(|event| size_of::<Event>() + text(event)).sum()
    }

    fn published(&self) -> impl Iterator<Item = (u32, &Event)> {
        self.lines.iter().filter_map(|line| Some((*line, self.events.get(*line as usize)?)))
    }
}
