//! What is kept of one channel.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::time::Duration;

use crate::history::log::LogTime;
use crate::history::past::PastPublication;
use crate::history::rules::Rule;
use crate::publication::Seq;

/// Events that were dropped from the last list that had them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Freed {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// The events of one channel that are kept, in the order of their numbers.
#[derive(Debug)]
pub(super) struct List {
    events: VecDeque<PastPublication>,
    /// The number of the last event that was dropped.
    dropped: Seq,
    /// When the last event was dropped, if there is none.
    pub(super) empty_since: LogTime,
}

impl List {
    /// `dropped`: up to this number, events of the channel may have been forgotten.
    pub(super) fn new(dropped: Seq) -> List {
        List { events: VecDeque::new(), dropped, empty_since: LogTime(0) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn dropped(&self) -> Seq {
        self.dropped
    }

    /// Notes that it does not have all events up to a number.
    pub(super) fn lose(&mut self, seq: Seq) {
        self.dropped = self.dropped.max(seq);
    }

    /// Adds an event, and keeps what the rule says. Returns what is dropped for it.
    pub(super) fn push(&mut self, event: PastPublication, rule: Rule) -> Freed {
        let now = event.at();
        event.enter();
        self.events.push_back(event);
        let mut freed = Freed::default();
        while let Some(first) = self.events.front()
            && (self.events.len() > rule.events || is_too_old(first, rule, now))
        {
            freed += self.drop_first();
        }
        freed
    }

    /// The number and the time of the first event.
    pub(super) fn first(&self) -> Option<(Seq, LogTime)> {
        self.events.front().map(|event| (event.seq(), event.at()))
    }

    /// All events.
    pub(super) fn events(&self) -> impl Iterator<Item = &PastPublication> {
        self.events.iter()
    }

    /// Drops the first event, if there is one.
    pub(super) fn drop_first(&mut self) -> Freed {
        let Some(first) = self.events.pop_front() else { return Freed::default() };
        self.dropped = self.dropped.max(first.seq());
        if self.events.is_empty() {
            self.empty_since = first.at();
            self.events = VecDeque::new();
        }
        if first.leave() { Freed { events: 1, bytes: first.bytes() } } else { Freed::default() }
    }

    /// The events after a number. `None`: one of them is not kept any more, or is only still there because no event came
    /// since less is kept.
    pub(super) fn after(&self, seq: Seq, rule: Rule, now: LogTime) -> Option<impl Iterator<Item = &PastPublication>> {
        let first = self.events.partition_point(|event| event.seq() <= seq);
        let is_gone = seq < self.dropped
            || self.events.len() - first > rule.events
            || self.events.get(first).is_some_and(|event| is_too_old(event, rule, now));
        (!is_gone).then(|| self.events.range(first..))
    }
}

fn is_too_old(event: &PastPublication, rule: Rule, now: LogTime) -> bool {
    Duration::from_nanos(now.0.saturating_sub(event.at().0)) >= rule.age
}

impl AddAssign for Freed {
    fn add_assign(&mut self, other: Freed) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}
