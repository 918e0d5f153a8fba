//! The check itself: it accepts what was promised, and finds each mistake.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::torture::message::{ALL, Arrival, Id};
use crate::torture::order::{Audience, Order};
use crate::torture::producers::Queued;
use crate::torture::record::{After, QUESTIONS, Step, Tally, check, check_plain};

/// Channels of the events 1 to 6 of one producer, which are queued a millisecond apart from 1001 on.
const EVENTS: [&[usize]; 6] = [&[0, ALL], &[], &[1, ALL], &[0, 1, ALL], &[0, ALL], &[]];

fn id(number: u64) -> Id {
    Id { epoch: 7, number, drawn: None }
}

fn arrival(number: u64, channel: Option<usize>) -> Arrival {
    Arrival { event: (0, number as u32 - 1), id: Some(id(number)), channel }
}

/// As the channel `a` brings it.
fn got(number: u64) -> Step {
    Step::Got(arrival(number, (!EVENTS[number as usize - 1].is_empty()).then_some(0)))
}

fn answered(question: usize, after: Option<After>, recovered: Option<bool>, number: u64) -> Step {
    Step::Answered { question, after, recovered, id: id(number), missed: Vec::new() }
}

fn welcome() -> Step {
    answered(0, None, None, 0)
}

fn resumed(number: u64) -> Step {
    answered(0, Some(After::Id(id(number))), Some(true), number)
}

fn told(number: u64, head: u64) -> Step {
    answered(0, Some(After::Id(id(number))), Some(false), head)
}

fn lists() -> HashMap<u32, Vec<Queued>> {
    let queued = |(index, channels): (usize, &&[usize])| Queued {
        began: 1001 + index as u64,
        channels: (!channels.is_empty()).then(|| channels.to_vec()),
        is_repeat: false,
    };
    HashMap::from([(0, EVENTS.iter().enumerate().map(queued).collect())])
}

/// What somebody got who got everything.
fn all() -> Vec<Step> {
    let everything = (1..=EVENTS.len() as u64).map(|number| Step::Got(arrival(number, None)));
    [welcome()].into_iter().chain(everything).collect()
}

/// Checks a client of `a` and of everybody, which asks for `b` by a command.
fn checked(steps: &[Step]) -> Result<Tally, String> {
    let order = Order::new(lists(), &all());
    let by_url = Audience { everybody: true, channels: vec![0] };
    let audiences: [Audience; QUESTIONS] = [by_url, Audience { everybody: false, channels: vec![1] }];
    caught(|| check(&order, &audiences, steps))
}

fn caught<T>(check: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(check)).map_err(|panic| *panic.downcast::<String>().unwrap())
}

#[track_caller]
fn finds(expected: &str, steps: &[Step]) {
    let found = checked(steps).expect_err("a mistake");
    assert!(found.contains(expected), "{found}");
}

#[test]
fn what_was_promised_is_accepted() {
    let steps = [welcome(), got(1), Step::Left, resumed(1), got(2), got(4), Step::Told(id(4)), got(5), got(6)];
    let tally = checked(&steps).unwrap();
    assert_eq!((tally.events, tally.recovered_by_id, tally.told), (5, 1, 0));
    // Away for too long, and told so.
    let tally = checked(&[welcome(), got(1), Step::Left, told(1, 5), got(6)]).unwrap();
    assert_eq!((tally.told, tally.told_for_nothing), (1, 0));
    // An earlier state of the page.
    checked(&[welcome(), got(1), got(2), got(4), Step::Left, resumed(1), got(2), got(4)]).unwrap();
    // What it has seen of the next connection is up to an event that is not its own.
    checked(&[welcome(), got(1), got(2), Step::Told(id(3)), Step::Left]).unwrap();
}

#[test]
fn a_moment_is_accepted_if_nothing_of_it_or_later_is_missing() {
    let page = |from, first| {
        let mut steps = vec![Step::Opened, answered(0, Some(After::Moment(1002)), Some(true), from)];
        steps.extend((first..=6).filter(|number| *number != 3).map(got));
        steps
    };
    assert_eq!(checked(&page(1, 2)).unwrap().recovered_by_moment, 1);
    checked(&page(0, 1)).unwrap();
    finds("it was queued at 1002 or later", &page(2, 4));
    finds("was lost", &page(0, 2));
}

#[test]
fn each_mistake_of_a_connection_is_found() {
    finds("was lost", &[welcome(), got(1), got(4)]);
    finds("comes after", &[welcome(), got(1), got(1)]);
    finds("comes after", &[welcome(), got(2), got(1)]);
    finds("was lost", &[welcome(), got(1), Step::Told(id(2)), Step::Left]);
    finds("comes after", &[welcome(), got(1), Step::Told(id(2)), got(2)]);
    finds("is not for this client", &[welcome(), got(1), got(2), Step::Got(arrival(3, Some(1)))]);
    finds("the channel of", &[welcome(), Step::Got(arrival(1, Some(ALL)))]);
    let other = Arrival { event: (0, 4), ..arrival(1, Some(0)) };
    finds("is another event", &[welcome(), Step::Got(other)]);
}

#[test]
fn each_mistake_of_coming_back_is_found() {
    let first = [welcome(), got(1), got(2), Step::Left];
    let finds = |expected: &str, next: &[Step]| finds(expected, &[&first[..], next].concat());
    finds("was lost", &[resumed(2), got(5)]);
    finds("comes after", &[resumed(2), got(2)]);
    finds("resumed from", &[answered(0, Some(After::Id(id(2))), Some(true), 3), got(4)]);
    finds("is answered with None", &[answered(0, Some(After::Id(id(2))), None, 6)]);
    finds(
        "nobody else knows the epoch",
        &[answered(0, None, None, 6), Step::Told(Id { epoch: 8, number: 6, drawn: None })],
    );
    // It was told of what it had missed before, and not of this.
    finds("was lost", &[told(2, 4), got(6)]);
}

#[test]
fn each_mistake_of_a_command_is_found() {
    let subscribed = |missed: &[u64]| Step::Answered {
        question: 1,
        after: Some(After::Id(id(1))),
        recovered: Some(true),
        id: id(4),
        missed: missed.iter().map(|number| arrival(*number, Some(1))).collect(),
    };
    let first = [welcome(), answered(1, None, None, 0), got(1), Step::Left, resumed(1), got(2)];
    let with = |next: &[Step]| [&first[..], next].concat();
    checked(&with(&[got(4), subscribed(&[3]), got(5)])).unwrap();
    // Where it asks after different positions, what is of both may come again.
    checked(&with(&[got(4), subscribed(&[3, 4]), got(5)])).unwrap();
    finds("was lost", &with(&[got(4), subscribed(&[]), got(5)]));
    finds("comes after", &with(&[got(4), subscribed(&[3, 3])]));
    finds("comes after", &with(&[got(4), subscribed(&[4, 3])]));
    finds("comes after", &with(&[got(4), subscribed(&[3]), Step::Got(arrival(3, Some(1)))]));
    finds("comes after", &with(&[got(4), subscribed(&[1, 3])]));
    finds("is not for this client", &with(&[got(4), subscribed(&[2, 3])]));
}

#[test]
fn each_mistake_of_a_plain_client_is_found() {
    let order = Order::new(lists(), &all());
    let plain = |steps: &[Step]| caught(|| check_plain(&order, steps));
    let got = |number: u64| Step::Got(Arrival { event: (0, number as u32 - 1), id: None, channel: None });
    let connected = Step::Connected(1003);
    plain(&[connected.clone(), got(2), got(6), Step::Left, connected.clone(), got(6)]).unwrap();
    plain(&[connected.clone(), got(6), got(2)]).expect_err("an order");
    plain(&[connected.clone(), got(2), got(2)]).expect_err("a repeat");
    plain(&[connected, got(1)]).expect_err("a channel");
    plain(&[Step::Connected(1001), got(6)]).expect_err("a loss");
}

#[test]
fn each_mistake_of_the_one_that_gets_everything_is_found() {
    let order = |steps: &[Step]| caught(|| Order::new(lists(), steps).len());
    assert_eq!(order(&all()), Ok(EVENTS.len()));
    let without = |index: usize| [&all()[..index], &all()[index + 1..]].concat();
    order(&without(1)).expect_err("the first is missing");
    order(&without(6)).expect_err("the last is missing");
    let mut swapped = all();
    swapped.swap(2, 3);
    order(&swapped).expect_err("an order");
}
