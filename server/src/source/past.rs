//! What a source makes of the history log of the process before, event by event: what can be sent again, keys that are
//! taken, and entries that may still wait.

use std::collections::VecDeque;

use queue::{EntryName, Event, Uid};

use crate::history::History;
use crate::history::log::Kept;
use crate::publication::Seq;
use crate::source::selection::Selection;

/// What is known of the events in a log.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) history: History,
    pub(super) selection: Selection,
    /// The entries that the log names, in the order of their numbers.
    pub(super) again: VecDeque<NumberedEntry>,
    /// How many events there are.
    pub(super) events: usize,
    /// Whether the event before was of the last of the entries in `again`.
    is_in_entry: bool,
}

/// An entry whose events have numbers.
#[derive(Debug)]
pub(super) struct NumberedEntry {
    pub(super) name: EntryName,
    /// The number of the first.
    pub(super) first: Seq,
    /// Each with its line.
    events: Vec<(u32, Uid)>,
}

impl Past {
    /// Without events. `history` is without them too.
    pub(super) fn after(history: History) -> Past {
        Past { history, selection: Selection::default(), again: VecDeque::new(), events: 0, is_in_entry: false }
    }

    fn add(&mut self, event: Kept) {
        self.history.add_logged(&event);
        self.selection.remember(&event);
        self.events += 1;
        // A name can be used again for another entry, and then the uids differ. Events of one entry follow each other.
        let Kept { seq, origin: Some((name, line)), uid, .. } = event else {
            self.is_in_entry = false;
            return;
        };
        let event = uid.map(|uid| (line, uid));
        match self.again.back_mut().filter(|last| self.is_in_entry && last.name == name) {
            Some(entry) => entry.events.extend(event),
            // Most have one event.
            None => self.again.push_back(NumberedEntry { name, first: seq, events: event.into_iter().collect() }),
        }
        self.is_in_entry = true;
    }
}

impl Extend<Kept> for Past {
    fn extend<I: IntoIterator<Item = Kept>>(&mut self, events: I) {
        events.into_iter().for_each(|event| self.add(event));
    }
}

impl NumberedEntry {
    /// The numbered ones among the events of the entry that has this name now. `None`: it is another entry, which has
    /// used the name again.
    pub(super) fn of_entry<'a>(&self, events: &'a [Event]) -> Option<Vec<&'a Event>> {
        let event = |(line, uid): &(u32, Uid)| events.get(*line as usize).filter(|event| event.uid() == *uid);
        self.events.iter().map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::history::log::{LogTime, Trimmed};

    use super::*;

    fn event(seq: u64, origin: Option<(&str, u32)>) -> Kept {
        Kept {
            seq: Seq(seq),
            at: LogTime(seq),
            origin: origin.map(|(name, line)| (name.parse().expect("a name"), line)),
            uid: Some(Uid::new()),
            name_json: "\"e\"".into(),
            payload_json: "1".into(),
            timestamp: 7,
            channels: None,
            expires_at: None,
            key: None,
        }
    }

    fn past(trimmed: u64, events: impl IntoIterator<Item = Kept>) -> Past {
        let rules = Settings::default().resolve().expect("defaults").history;
        let mut past = Past::after(History::new(rules, Trimmed { seq: Seq(trimmed), at: LogTime(0) }));
        past.extend(events);
        past
    }

    #[test]
    fn entries_come_in_the_order_of_their_numbers_with_the_events_that_were_published_of_them() {
        let origins = [Some(("b.json", 0)), Some(("a.json", 1)), Some(("a.json", 4)), None, Some(("a.json", 0))];
        let past = past(0, (1..).zip(origins).map(|(seq, origin)| event(seq, origin)));
        let entry = |entry: &NumberedEntry| {
            let lines: Vec<u32> = entry.events.iter().map(|(line, _)| *line).collect();
            (entry.name.to_string(), entry.first.0, lines)
        };
        let expected = [("b.json".to_owned(), 1, vec![0]), ("a.json".to_owned(), 2, vec![1, 4])];
        // The name was used again, for another entry.
        let again = ("a.json".to_owned(), 5, vec![0]);
        assert_eq!(past.again.iter().map(entry).collect::<Vec<_>>(), [&expected[..], &[again]].concat());
        assert_eq!(past.events, 5);
    }

    #[test]
    fn what_is_from_before_the_beginning_is_an_entry_and_nothing_to_send_again() {
        let past = past(8, [event(3, Some(("a.json", 0))), event(7, Some(("b.json", 0))), event(9, None)]);
        assert_eq!((past.again.len(), past.history.size().events), (2, 1));
    }
}
