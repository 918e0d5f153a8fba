//! What a client saw, step by step, and whether that is what it was promised.

use std::collections::{BTreeMap, HashMap};

use crate::torture::message::{Arrival, EventKey, Id};
use crate::torture::order::{Audience, Order, Place};

/// What a client named to go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Id(Id),
    /// In milliseconds since 1970.
    Moment(u64),
}

/// A client asks once by its URL, and a native one once more by a command.
pub(crate) const QUESTIONS: usize = 2;

/// What happened to a client.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// It has connected, at this moment or later.
    Connected(u64),
    /// It is a new page, which has nothing.
    Opened,
    /// One of its questions was answered. `missed` came within the answer.
    Answered { question: usize, after: Option<After>, recovered: Option<bool>, id: Id, missed: Vec<Arrival> },
    /// An event came.
    Got(Arrival),
    /// It has everything up to an id.
    Told(Id),
    /// It was told that something before an id was lost.
    Gap(Id),
    /// Its connection has ended.
    Left,
}

/// How a client came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) events: usize,
    pub(crate) recovered_by_id: usize,
    pub(crate) recovered_by_moment: usize,
    pub(crate) told: usize,
    /// Told so while it was connected.
    pub(crate) gaps: usize,
    /// It had missed nothing.
    pub(crate) told_for_nothing: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.events += other.events;
        self.recovered_by_id += other.recovered_by_id;
        self.recovered_by_moment += other.recovered_by_moment;
        self.told += other.told;
        self.gaps += other.gaps;
        self.told_for_nothing += other.told_for_nothing;
    }
}

/// What a client is to have everything of.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Place,
    to: Place,
    /// What it got before this step is not of it.
    since: usize,
}

impl Span {
    fn at(place: Place, since: usize) -> Option<Span> {
        Some(Span { from: place, to: place, since })
    }
}

/// What follows a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The client was told, or is another page: what was lost and would be told later need not be.
    Anything,
    /// Nothing: it ends here.
    Nothing,
}

/// A client with ids, as far as its steps were read.
struct Page<'a> {
    order: &'a Order,
    audiences: &'a [Audience; QUESTIONS],
    /// From where to where it has everything, for each question.
    spans: [Option<Span>; QUESTIONS],
    answered: [bool; QUESTIONS],
    /// In which steps it got each event.
    got: BTreeMap<Place, Vec<usize>>,
    /// The number of the step.
    now: usize,
    /// The last position on this connection.
    last: Option<Place>,
    tally: Tally,
}

/// Reads the steps of a client with ids.
///
/// # Panics
/// When it did not get what it was promised.
pub(crate) fn check(order: &Order, audiences: &[Audience; QUESTIONS], steps: &[Step]) -> Tally {
    let mut page = Page {
        order,
        audiences,
        spans: [None; QUESTIONS],
        answered: [false; QUESTIONS],
        got: BTreeMap::new(),
        now: 0,
        last: None,
        tally: Tally::default(),
    };
    for (now, step) in steps.iter().enumerate() {
        page.now = now;
        page.step(step);
    }
    (0..QUESTIONS).for_each(|question| page.check_span(question, Next::Nothing));
    page.tally
}

impl Page<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Connected(_) => {}
            Step::Opened => {
                (0..QUESTIONS).for_each(|question| self.check_span(question, Next::Anything));
                self.spans = [None; QUESTIONS];
                self.got.clear();
            }
            Step::Answered { question, after, recovered, id, missed } => {
                self.answered(*question, *after, *recovered, *id, missed);
            }
            Step::Got(arrival) => {
                self.got(arrival);
                self.tally.events += 1;
            }
            Step::Told(id) => match self.order.place(*id) {
                Some(place) => self.moves_to(place),
                None => self.begins_again(None),
            },
            Step::Gap(id) => {
                self.begins_again(Some(self.order.place(*id).expect("a gap at a place")));
                self.tally.gaps += 1;
            }
            Step::Left => (self.answered, self.last) = ([false; QUESTIONS], None),
        }
    }

    fn answered(&mut self, question: usize, after: Option<After>, recovered: Option<bool>, id: Id, missed: &[Arrival]) {
        assert_eq!(recovered.is_some(), after.is_some(), "{after:?} is answered with {recovered:?}");
        assert!(recovered == Some(true) || missed.is_empty(), "events without a promise: {missed:?}");
        self.answered[question] = true;
        let Some(place) = self.order.place(id) else {
            assert_ne!(recovered, Some(true), "it does not say from where it goes on");
            self.check_span(question, Next::Anything);
            (self.spans[question], self.last) = (None, None);
            return;
        };
        match (recovered, after) {
            (Some(true), Some(After::Id(after))) => {
                let after_place = self.order.place(after).expect("a position that is a place");
                assert!(
                    self.order.is_of_one_series(after_place, place),
                    "{} cannot be known in the epoch of {}",
                    after.text(),
                    id.text()
                );
                // The first message of a connection stands before what was missed.
                assert!(question != 0 || after == id, "resumed from {} instead of {}", id.text(), after.text());
                let span = self.spans[question].expect("a position that it has");
                assert!((span.from..=span.to).contains(&after_place), "a position that it had");
                if after_place < span.to {
                    // It has gone back to an earlier state. Only clients with one question do.
                    self.check_span(question, Next::Anything);
                    self.got.retain(|place, _| *place <= after_place);
                }
                self.spans[question] = Some(Span { to: after_place, ..span });
                self.missed(question, missed, after_place);
                self.tally.recovered_by_id += 1;
            }
            (Some(true), Some(After::Moment(moment))) => {
                let due = |to| self.order.first_since(&self.audiences[question], moment, to);
                let from = if question == 0 {
                    // The first message of a connection says where it resumed from.
                    assert_eq!(due(place), None, "it was queued at {moment} or later, and is at {place:?} or before");
                    place
                } else {
                    // An answer does not. What has come by the URL's channels is not in it.
                    let first = missed.first().map(|first| self.order.place(first.id.unwrap()).unwrap());
                    let first = first.into_iter().chain(due(place).map(|(place, _)| place)).min();
                    first.map_or(place, |first| self.order.before(first))
                };
                self.spans[question] = Span::at(from, 0);
                self.missed(question, missed, from);
                self.tally.recovered_by_moment += 1;
            }
            _ => {
                self.check_span(question, Next::Anything);
                if let (Some(false), Some(span)) = (recovered, self.spans[question]) {
                    let is_nothing = self.order.due(&self.audiences[question], (span.to, place)).next().is_none();
                    self.tally.told_for_nothing += usize::from(is_nothing);
                }
                self.tally.told += usize::from(recovered == Some(false));
                self.spans[question] = Span::at(place, self.now);
            }
        }
        self.moves_to(place);
    }

    /// Notes that something was lost before a place, or that it is nowhere.
    fn begins_again(&mut self, place: Option<Place>) {
        for question in (0..QUESTIONS).filter(|question| self.answered[*question]) {
            self.check_span(question, Next::Anything);
            self.spans[question] = place.and_then(|place| Span::at(place, self.now));
        }
        self.last = place;
    }

    /// Notes what came within an answer.
    fn missed(&mut self, question: usize, missed: &[Arrival], after: Place) {
        let mut last = after;
        for arrival in missed {
            let place = self.order.place(arrival.id.unwrap()).unwrap();
            assert!(place > last, "{arrival:?} comes after {last:?}");
            last = place;
            self.note(arrival, place, &[question]);
        }
        self.tally.events += missed.len();
    }

    fn got(&mut self, arrival: &Arrival) {
        let place = self.order.place(arrival.id.expect("an id")).expect("a place");
        assert!(Some(place) > self.last, "{arrival:?} comes after {:?}", self.last);
        let answered: Vec<usize> = (0..QUESTIONS).filter(|question| self.answered[*question]).collect();
        self.note(arrival, place, &answered);
        self.moves_to(place);
    }

    /// Notes an event that some questions have brought.
    fn note(&mut self, arrival: &Arrival, place: Place, questions: &[usize]) {
        let known = self.order.events.get(&place);
        assert_eq!(known, Some(&arrival.event), "{place:?} is another event for others");
        let queued = self.order.queued(arrival.event);
        let audiences = || questions.iter().map(|question| &self.audiences[*question]);
        assert!(audiences().any(|audience| audience.gets(queued)), "{arrival:?} is not for this client");
        let has = |channel: &&usize| audiences().any(|audience| audience.channels.contains(channel));
        let first = queued.channels.as_ref().and_then(|channels| channels.iter().find(has)).copied();
        assert_eq!(arrival.channel, first, "the channel of {arrival:?}");
        self.got.entry(place).or_default().push(self.now);
    }

    fn moves_to(&mut self, place: Place) {
        assert!(Some(place) >= self.last, "{place:?} comes after {:?}", self.last);
        self.last = Some(place);
        for question in 0..QUESTIONS {
            if let Some(span) = self.spans[question].as_mut().filter(|_| self.answered[question]) {
                span.to = place;
            }
        }
    }

    /// Everything of a span came once.
    fn check_span(&self, question: usize, next: Next) {
        let Some(span) = self.spans[question] else { return };
        let count_at = |place: &Place| {
            let is_of_it = *place > span.from && *place <= span.to;
            let steps = self.got.get(place).filter(|_| is_of_it);
            steps.map_or(0, |steps| steps.iter().filter(|step| **step >= span.since).count())
        };
        for (place, event) in self.order.due(&self.audiences[question], (span.from, span.to)) {
            let count: usize = self.order.places(place).iter().map(count_at).sum();
            let queued = self.order.queued(event);
            // What both of its questions bring may come again if they were asked after different positions.
            let is_of_both = self.audiences.iter().all(|audience| audience.gets(queued));
            let may_be_told = next == Next::Anything && self.order.is_lost(place);
            assert!(count >= 1 || may_be_told, "{event:?} at {place:?} was lost: it has everything in {span:?}");
            assert!(count <= 1 || is_of_both && count == 2, "{event:?} at {place:?} came {count} times in {span:?}");
        }
    }
}

/// Reads the steps of a plain client: on each connection, everything for everybody since then, in order.
///
/// # Panics
/// When it did not get that.
pub(crate) fn check_plain(order: &Order, steps: &[Step]) -> Tally {
    let everybody = Audience { everybody: true, channels: Vec::new() };
    let whole = ((0, 0), (u64::MAX, 0));
    let due: Vec<EventKey> = order.due(&everybody, whole).map(|(_, event)| event).collect();
    let index: HashMap<EventKey, usize> = due.iter().enumerate().map(|(index, event)| (*event, index)).collect();
    let (mut tally, mut connected, mut next) = (Tally::default(), 0, None);
    for step in steps {
        match step {
            Step::Connected(at) => (connected, next) = (*at, None),
            Step::Got(arrival) => {
                let at = *index.get(&arrival.event).unwrap_or_else(|| panic!("{arrival:?} is not for everybody"));
                let expected = *next.get_or_insert_with(|| {
                    let left_out = due[..at].iter().find(|event| order.queued(**event).began > connected);
                    assert_eq!(left_out, None, "it was connected since {connected}, and {arrival:?} came first");
                    at
                });
                assert_eq!(at, expected, "{arrival:?} instead of {:?}", due[expected]);
                next = Some(at + 1);
                tally.events += 1;
            }
            Step::Left => {}
            other => panic!("{other:?} of a plain client"),
        }
    }
    tally
}
