//! The check itself: it accepts what was promised, and finds each mistake.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::nodes::entries::Entry;
use crate::nodes::seen::Seen;
use crate::torture::message::{Arrival, Id};
use crate::torture::order::{Audience, Order};
use crate::torture::producers::Queued;
use crate::torture::record::{After, QUESTIONS, Step, Tally, check};

/// Events of one producer, each for everybody, queued a millisecond apart from 1000 on.
const EVENTS: u32 = 5;

/// An entry so many milliseconds after 1000. `None`: it has no event.
fn entry(after: u64, event: Option<u32>) -> Entry {
    Entry { place: (1000 + after, 0), drawn: after as u32, event: event.map(|number| (0, number)) }
}

fn id(after: u64) -> Id {
    entry(after, None).id()
}

fn got(after: u64, event: u32) -> Step {
    Step::Got(Arrival { event: (0, event), id: Some(id(after)), channel: None })
}

fn answered(after: Option<u64>, recovered: Option<bool>, at: u64) -> Step {
    let after = after.map(|after| After::Id(id(after)));
    Step::Answered { question: 0, after, recovered, id: id(at), missed: Vec::new() }
}

fn order(seen: Seen) -> Order {
    let queued = |index| Queued { began: 1000 + u64::from(index), channels: None, is_repeat: false };
    seen.into_order(HashMap::from([(0, (0..EVENTS).map(queued).collect())]))
}

/// It has begun with an entry without event; the event 1 was lost with what followed it. The event 2 was added again.
fn seen() -> Seen {
    let [begin, first] = [entry(0, None), entry(1, Some(0))];
    let mut seen = Seen::default();
    seen.forgets(1004, &[begin, first, entry(2, Some(1)), entry(3, Some(2))], &[begin, first]);
    let gap = entry(6, None);
    let copy = entry(8, Some(2));
    seen.add(&[begin, first, entry(5, Some(2)), gap, entry(7, Some(3)), copy, entry(9, Some(4))]);
    seen
}

fn caught<T>(check: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(check)).map_err(|panic| *panic.downcast::<String>().unwrap())
}

fn checked(steps: &[Step]) -> Result<Tally, String> {
    let everybody = Audience { everybody: true, channels: Vec::new() };
    let audiences: [Audience; QUESTIONS] = [everybody, Audience::default()];
    let order = order(seen());
    caught(|| check(&order, &audiences, steps))
}

#[track_caller]
fn finds(expected: &str, steps: &[Step]) {
    let found = checked(steps).expect_err("a mistake");
    assert!(found.contains(expected), "{found}");
}

#[test]
fn what_was_promised_is_accepted() {
    let begin = answered(None, None, 0);
    let end = [got(7, 3), Step::Told(id(8)), got(9, 4)];
    // It had got what was lost, and was told at once. What was added again comes again.
    let at_once = [begin.clone(), got(1, 0), got(2, 1), got(3, 2), Step::Gap(id(1)), got(5, 2), Step::Gap(id(6))];
    assert_eq!(checked(&[&at_once[..], &end].concat()).unwrap().gaps, 2);
    // It has not got what was lost, and was told later.
    checked(&[&[begin.clone(), got(1, 0), got(5, 2), Step::Gap(id(6))], &end[..]].concat()).unwrap();
    // It has come back after that.
    let came_back = [begin.clone(), got(1, 0), Step::Left, answered(Some(1), Some(false), 6)];
    assert_eq!(checked(&[&came_back[..], &end].concat()).unwrap().told, 1);
    // It came to a broadcaster that had not seen the stream.
    let nowhere = Id { epoch: 7, number: 1, drawn: None };
    let welcome = Step::Answered { question: 0, after: None, recovered: None, id: nowhere, missed: Vec::new() };
    checked(&[&[welcome, Step::Told(nowhere), Step::Gap(id(6))], &end[..]].concat()).unwrap();
}

#[test]
fn each_mistake_is_found() {
    let first = [answered(None, None, 0), got(1, 0)];
    let finds = |expected: &str, next: &[Step]| finds(expected, &[&first[..], next].concat());
    finds("was lost", &[got(5, 2), got(7, 3), got(9, 4)]);
    finds("was lost", &[got(5, 2), Step::Gap(id(6)), got(9, 4)]);
    // It need not be told at once of what it could not get, but gets everything else.
    finds("was lost", &[got(7, 3), Step::Gap(id(8)), got(9, 4)]);
    finds("came 2 times", &[got(2, 1), got(3, 2), got(5, 2)]);
    finds("is another event", &[got(2, 1), got(3, 2), Step::Gap(id(7)), got(8, 2)]);
    finds("no entry of the stream", &[Step::Told(Id { drawn: Some(77), ..id(5) })]);
    finds("a position that it has", &[Step::Told(Id { drawn: None, ..id(5) }), answered(Some(1), Some(true), 1)]);
}

#[test]
fn each_mistake_of_what_redis_has_is_found() {
    let add = |entries: &[Entry]| caught(|| Seen::default().add(entries));
    add(&[entry(1, Some(1)), entry(2, Some(0))]).expect_err("an order");
    let mut seen = seen();
    caught(|| seen.add(&[Entry { drawn: 77, ..entry(1, Some(0)) }])).expect_err("two entries at one place");
    let without_the_last = [entry(1, Some(0)), entry(2, Some(1)), entry(3, Some(2)), entry(4, Some(3))];
    let mut seen = Seen::default();
    seen.add(&without_the_last);
    let found = caught(|| order(seen).len()).expect_err("a loss");
    assert!(found.contains("Redis has never had it"), "{found}");
}
