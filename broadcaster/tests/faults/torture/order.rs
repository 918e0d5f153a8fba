//! The order in which everything was published, as far as clients can know it.

use std::collections::{BTreeMap, HashMap};

use crate::torture::message::{Arrival, EventKey, Id};
use crate::torture::producers::Queued;
use crate::torture::record::Step;

/// What a client gets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    pub(crate) everybody: bool,
    /// By their places in the list of all channels.
    pub(crate) channels: Vec<usize>,
}

/// No event waits so long until it has a number.
const LONGEST_WAIT_MILLIS: u64 = 60_000;

impl Audience {
    pub(crate) fn gets(&self, queued: &Queued) -> bool {
        match &queued.channels {
            None => self.everybody,
            Some(channels) => channels.iter().any(|channel| self.channels.contains(channel)),
        }
    }
}

/// The number of an epoch, and a number in it.
pub(crate) type Place = (usize, u64);

/// All events in the order of their numbers.
#[derive(Default)]
pub(crate) struct Order {
    epochs: Vec<u64>,
    pub(crate) events: BTreeMap<Place, EventKey>,
    lists: HashMap<u32, Vec<Queued>>,
}

impl Order {
    /// From the list of each producer, and what a client got that gets everything.
    ///
    /// # Panics
    /// When it did not get each event once, and in the order of its producer.
    pub(crate) fn new(lists: HashMap<u32, Vec<Queued>>, all: &[Step]) -> Order {
        let mut order = Order { lists, ..Order::default() };
        let mut last: Option<Place> = None;
        let mut next: HashMap<u32, u32> = HashMap::new();
        for step in all {
            match step {
                Step::Answered { id, .. } if order.epochs.last() != Some(&id.epoch) => {
                    assert!(!order.epochs.contains(&id.epoch), "the epoch of {} is back", id.text());
                    order.epochs.push(id.epoch);
                    last = Some(order.place(*id));
                }
                Step::Got(Arrival { event, id, .. }) => {
                    let place = order.place(id.unwrap());
                    let (epoch, number) = last.expect("an answer");
                    assert_eq!(place, (epoch, number + 1), "{event:?} does not have the next number");
                    last = Some(place);
                    let next = next.entry(event.0).or_default();
                    let list = &order.lists[&event.0];
                    *next += list[*next as usize..].iter().take_while(|queued| queued.is_repeat).count() as u32;
                    assert_eq!(event.1, *next, "{event:?} at {place:?} is not the next of its producer");
                    *next += 1;
                    order.events.insert(place, *event);
                }
                _ => {}
            }
        }
        for (producer, list) in &order.lists {
            let left = &list[next.get(producer).copied().unwrap_or(0) as usize..];
            let lost = left.iter().filter(|queued| !queued.is_repeat).count();
            assert_eq!(lost, 0, "events at the end of producer {producer}");
        }
        order
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// # Panics
    /// When nobody else was given an id of this epoch.
    pub(crate) fn place(&self, id: Id) -> Place {
        let epoch = self.epochs.iter().position(|epoch| *epoch == id.epoch);
        (epoch.unwrap_or_else(|| panic!("nobody else knows the epoch of {}", id.text())), id.number)
    }

    pub(crate) fn queued(&self, event: EventKey) -> &Queued {
        &self.lists[&event.0][event.1 as usize]
    }

    /// What an audience gets after a place, up to another.
    pub(crate) fn due<'a>(
        &'a self,
        audience: &'a Audience,
        (from, to): (Place, Place),
    ) -> impl DoubleEndedIterator<Item = (Place, EventKey)> + 'a {
        let within = (from < to).then(|| self.events.range(from..=to)).into_iter().flatten();
        let within = within.map(|(place, event)| (*place, *event)).filter(move |(place, _)| *place > from);
        within.filter(move |(_, event)| audience.gets(self.queued(*event)))
    }

    /// The first event of an audience up to a place that was queued at a moment or later.
    pub(crate) fn first_since(&self, audience: &Audience, moment: u64, to: Place) -> Option<(Place, EventKey)> {
        let began = |event: EventKey| self.queued(event).began;
        let before = self.due(audience, ((0, 0), to)).rev();
        // The order of queueing is not that of numbers, but nothing waits for so long.
        let before = before.take_while(|(_, event)| began(*event) + LONGEST_WAIT_MILLIS >= moment);
        before.filter(|(_, event)| began(*event) >= moment).last()
    }
}
