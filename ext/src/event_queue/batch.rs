//! Events that were gathered and not written yet: of a transaction, or of one `publishAll()`. Nothing in them is a
//! value of PHP.

use queue::{ChannelName, MAX_EVENTS_OF_ENTRY, NewEvent, Priority, Uid};

use crate::ini;

/// An event with all that belongs to it.
pub(super) struct Event {
    pub(super) uid: Uid,
    pub(super) name: Box<[u8]>,
    pub(super) payload: Box<[u8]>,
    pub(super) channels: Option<Vec<ChannelName>>,
    pub(super) ttl: Option<u64>,
    pub(super) priority: Priority,
    pub(super) key: Option<Box<str>>,
    pub(super) except: Option<Box<str>>,
}

impl Event {
    fn as_new(&self) -> NewEvent<'_> {
        NewEvent {
            uid: self.uid,
            name_json: &self.name,
            payload_json: &self.payload,
            channels: self.channels.as_deref(),
            ttl: self.ttl,
            key: self.key.as_deref(),
            except: self.except.as_deref(),
        }
    }

    fn bytes(&self) -> usize {
        self.name.len() + self.payload.len()
    }
}

/// Events that become one entry.
#[derive(Default)]
pub(super) struct Batch {
    events: Vec<Event>,
    /// Bytes of names and payloads. The entry has some more.
    bytes: usize,
}

impl Batch {
    /// Adds an event unless the batch would exceed the limits: what is gathered must not take memory without a bound.
    ///
    /// # Errors
    /// The limit that it would exceed. The batch is as before.
    pub(super) fn push(&mut self, event: Event, max_event_bytes: usize) -> Result<(), String> {
        self.check(1, event.bytes(), max_event_bytes)?;
        self.bytes += event.bytes();
        self.events.push(event);
        Ok(())
    }

    /// Adds all events of another batch, or none.
    ///
    /// # Errors
    /// The limit that this one would exceed. It is as before.
    pub(super) fn append(&mut self, mut other: Batch, max_event_bytes: usize) -> Result<(), String> {
        self.check(other.events.len(), other.bytes, max_event_bytes)?;
        self.bytes += other.bytes;
        self.events.append(&mut other.events);
        Ok(())
    }

    fn check(&self, more_events: usize, more_bytes: usize, max_event_bytes: usize) -> Result<(), String> {
        if self.events.len() + more_events > MAX_EVENTS_OF_ENTRY {
            return Err(format!("a batch has at most {MAX_EVENTS_OF_ENTRY} events: publish them in several batches"));
        }
        let bytes = self.bytes + more_bytes;
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
        self.events.iter().map(Event::as_new).collect()
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
