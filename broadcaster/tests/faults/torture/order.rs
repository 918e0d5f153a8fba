//! The order in which everything was published, as far as clients can know it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// The number of an epoch, and a number in it. In the stream of several broadcasters: milliseconds, and a number.
pub(crate) type Place = (u64, u64);

/// All events in the order of their numbers.
#[derive(Default)]
pub(crate) struct Order {
    series: Series,
    pub(crate) events: BTreeMap<Place, EventKey>,
    lists: HashMap<u32, Vec<Queued>>,
}

/// What ids mean.
enum Series {
    /// The epochs of one broadcaster, in their order.
    Epochs(Vec<u64>),
    /// Entries of the stream of several.
    Stream(Entries),
}

impl Default for Series {
    fn default() -> Series {
        Series::Epochs(Vec::new())
    }
}

/// What is known of the entries of a stream beside their events.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// What the sender of each has drawn.
    pub(crate) drawn: BTreeMap<Place, u32>,
    /// Places of an event, if it was added more than once.
    pub(crate) places: HashMap<EventKey, Vec<Place>>,
    /// Entries that Redis has lost after others may have got them.
    pub(crate) lost: BTreeSet<Place>,
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
                Step::Answered { id, .. } if order.adds_epoch(*id) => {
                    last = order.place(*id);
                }
                Step::Got(Arrival { event, id, .. }) => {
                    let place = order.place(id.unwrap()).unwrap();
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

    /// Of a stream: the events that it was to bring, and what is known of its entries.
    pub(crate) fn of_stream(
        lists: HashMap<u32, Vec<Queued>>,
        events: BTreeMap<Place, EventKey>,
        entries: Entries,
    ) -> Order {
        Order { series: Series::Stream(entries), events, lists }
    }

    /// Notes the epoch of an id. Returns whether it is new.
    fn adds_epoch(&mut self, id: Id) -> bool {
        let Series::Epochs(epochs) = &mut self.series else { return false };
        let is_new = epochs.last() != Some(&id.epoch);
        if is_new {
            assert!(!epochs.contains(&id.epoch), "the epoch of {} is back", id.text());
            epochs.push(id.epoch);
        }
        is_new
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Where an id is. `None`: nowhere, because the broadcaster had not seen the stream.
    ///
    /// # Panics
    /// When nobody else was given an id of this epoch, or no entry of the stream has it.
    pub(crate) fn place(&self, id: Id) -> Option<Place> {
        match (&self.series, id.drawn) {
            (Series::Epochs(epochs), _) => {
                let epoch = epochs.iter().position(|epoch| *epoch == id.epoch);
                let epoch = epoch.unwrap_or_else(|| panic!("nobody else knows the epoch of {}", id.text()));
                Some((epoch as u64, id.number))
            }
            (Series::Stream(entries), Some(drawn)) => {
                let place = (id.epoch, id.number);
                let known = entries.drawn.get(&place).copied();
                assert_eq!(known, Some(drawn), "no entry of the stream has ever had the id {}", id.text());
                Some(place)
            }
            (Series::Stream(_), None) => None,
        }
    }

    /// Whether a client can go on from one place to the other.
    pub(crate) fn is_of_one_series(&self, from: Place, to: Place) -> bool {
        matches!(self.series, Series::Stream(_)) || from.0 == to.0
    }

    /// The place before this one.
    pub(crate) fn before(&self, place: Place) -> Place {
        match (&self.series, place) {
            (Series::Stream(_), (millis, 0)) => (millis - 1, u64::MAX),
            (_, (first, number)) => (first, number - 1),
        }
    }

    /// All places of the event at a place.
    pub(crate) fn places(&self, place: Place) -> Vec<Place> {
        let of_stream = |entries: &Entries| entries.places.get(&self.events[&place]).cloned();
        let several = match &self.series {
            Series::Stream(entries) => of_stream(entries),
            Series::Epochs(_) => None,
        };
        several.unwrap_or_else(|| vec![place])
    }

    /// Whether the entry at a place was lost. Who has not got it has to be told, perhaps later.
    pub(crate) fn is_lost(&self, place: Place) -> bool {
        matches!(&self.series, Series::Stream(entries) if entries.lost.contains(&place))
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
