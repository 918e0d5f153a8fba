//! Events that were gathered and not written yet: of a transaction, or of one `publishAll()`. Nothing in them is a
//! value of PHP.

use std::ops::Range;

use queue::{ChannelName, MAX_EVENTS_OF_ENTRY, NewEvent, Priority, Uid};

use super::given::Given;
use crate::ini;
use crate::json::Refusal;

/// An event with all that belongs to it. Its name and its payload are places in the texts of its batch.
struct Event {
    uid: Uid,
    name: Range<usize>,
    payload: Range<usize>,
    channels: Option<Vec<ChannelName>>,
    ttl: Option<u64>,
    priority: Priority,
    key: Option<Box<str>>,
    except: Option<Box<str>>,
}

impl Event {
    fn as_new<'a>(&'a self, texts: &'a [u8]) -> NewEvent<'a> {
        NewEvent {
            uid: self.uid,
            name_json: &texts[self.name.clone()],
            payload_json: &texts[self.payload.clone()],
            channels: self.channels.as_deref(),
            ttl: self.ttl,
            key: self.key.as_deref(),
            except: self.except.as_deref(),
        }
    }
}

/// Events that become one entry.
#[derive(Default)]
pub(super) struct Batch {
    events: Vec<Event>,
    /// All names and payloads, in one piece of memory: one for each would cost more than to write the entry.
    texts: Vec<u8>,
}

impl Batch {
    /// Adds a copy of an event, unless the batch would exceed the limits: what is gathered must not take memory without
    /// a bound.
    ///
    /// # Errors
    /// The limit that it would exceed. The batch is as before.
    pub(super) fn push(&mut self, given: &Given, uid: Uid, max_event_bytes: usize) -> Result<(), Refusal> {
        let event = given.as_new(uid, None);
        let bytes = event.name_json.len() + event.payload_json.len();
        self.check(1, bytes, max_event_bytes).map_err(Refusal::Reason)?;
        let channels = given.channels()?;
        let start = self.texts.len();
        let (name, end) = (start..start + event.name_json.len(), start + bytes);
        self.texts.extend_from_slice(event.name_json);
        self.texts.extend_from_slice(event.payload_json);
        self.events.push(Event {
            uid,
            payload: name.end..end,
            name,
            channels,
            ttl: event.ttl,
            priority: given.priority(),
            key: event.key.map(Into::into),
            except: event.except.map(Into::into),
        });
        Ok(())
    }

    /// Adds all events of another batch, or none.
    ///
    /// # Errors
    /// The limit that this one would exceed. It is as before.
    pub(super) fn append(&mut self, other: Batch, max_event_bytes: usize) -> Result<(), String> {
        self.check(other.events.len(), other.texts.len(), max_event_bytes)?;
        let start = self.texts.len();
        let moved = |place: Range<usize>| place.start + start..place.end + start;
        self.texts.extend_from_slice(&other.texts);
        self.events.extend(other.events.into_iter().map(|event| Event {
            name: moved(event.name),
            payload: moved(event.payload),
            ..event
        }));
        Ok(())
    }

    fn check(&self, more_events: usize, more_bytes: usize, max_event_bytes: usize) -> Result<(), String> {
        if self.events.len() + more_events > MAX_EVENTS_OF_ENTRY {
            return Err(format!("a batch has at most {MAX_EVENTS_OF_ENTRY} events: publish them in several batches"));
        }
        let bytes = self.texts.len() + more_bytes;
        if bytes > max_event_bytes {
            return Err(too_large(bytes, max_event_bytes));
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn uid(&self, index: usize) -> Option<Uid> {
        self.events.get(index).map(|event| event.uid)
    }

    /// The events as the queue takes them.
    pub(super) fn as_new(&self) -> Vec<NewEvent<'_>> {
        self.events.iter().map(|event| event.as_new(&self.texts)).collect()
    }

    /// That of its most urgent event: none may wait longer because of those it is with.
    pub(super) fn priority(&self) -> Priority {
        let rank = |priority: &Priority| match priority {
            Priority::High => 2,
            Priority::Normal => 1,
            Priority::Low => 0,
        };
        self.events.iter().map(|event| event.priority).max_by_key(rank).unwrap_or_default()
    }
}

/// The reason why events are refused that are together larger than one entry may be.
pub(super) fn too_large(bytes: usize, limit: usize) -> String {
    let setting = ini::MAX_EVENT_BYTES;
    format!("the events of the batch take {bytes} bytes, more than the limit of {limit} bytes set by {setting}")
}
