//! One entry: its name on disk, its place in the order, its content.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::str::{FromStr, Utf8Error};

use thiserror::Error;

use crate::event::Event;
use crate::layout::{self, Now};
use crate::printable::shown;

/// The file name of an entry. Names that we made sort in the order of queueing; the name is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(OsString);

impl EntryName {
    pub(crate) fn new(name: impl Into<OsString>) -> EntryName {
        EntryName(name.into())
    }

    /// The file name, without its directory.
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

impl FromStr for EntryName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<EntryName, InvalidName> {
        let is_plain = layout::is_entry(name.as_ref()) && !name.contains('/');
        is_plain.then(|| EntryName::new(name)).ok_or(InvalidName)
    }
}

/// The text cannot be the name of an entry.
#[derive(Debug, Error)]
#[error("not the name of an entry: it ends in .json and has no slash")]
pub struct InvalidName;

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0).fmt(formatter)
    }
}

/// An entry that a scan found: an event, or the reason why it is none.
#[derive(Debug)]
pub struct Entry {
    /// The name to ack or reject it by.
    pub name: EntryName,
    /// The event, or why there is none.
    pub event: Result<Event, EntryError>,
}

/// Why an entry is rejected. The text stands in the reason file beside the rejected entry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The content is not text.
    #[error("not valid UTF-8: {0}")]
    NotUtf8(#[source] Utf8Error),
    /// The content is not a JSON object with the known keys, or not all of it was written.
    #[error("not valid JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The object has no `event`, or it is null.
    #[error("no `event` key")]
    NoName,
    /// An array or an object stands where the name belongs.
    #[error("the event name is not a string")]
    NameNotScalar,
    /// The file exceeds the limit of the reader.
    #[error("{size} bytes is more than the limit of {limit} bytes")]
    TooLarge {
        /// Bytes on disk.
        size: u64,
        /// The reader's limit in bytes.
        limit: u64,
    },
    /// The file may not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// A symbolic link, directory, pipe or device was planted under an entry's name.
    #[error("not a regular file")]
    NotAFile,
}

impl EntryError {
    /// Tells whether waiting may help: a producer without the extension may still be writing the file, or about to set its mode.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, EntryError::NotUtf8(_) | EntryError::NotJson(_) | EntryError::Unreadable(_))
    }
}

/// When an event was queued, in nanoseconds since the Unix epoch. Entries are delivered in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueuedAt(u64);

impl QueuedAt {
    pub(crate) fn from_nanos(nanos: u64) -> QueuedAt {
        QueuedAt(nanos)
    }

    pub(crate) fn from_secs(secs: f64) -> QueuedAt {
        // A double holds microseconds of today's time exactly, nanoseconds not: rounding makes equal texts equal times.
        QueuedAt(((secs * 1e6).round() as u64).saturating_mul(1_000))
    }
}

/// Encodes the content of an entry around two complete JSON texts, which are not validated again.
pub(crate) fn encode(name_json: &[u8], payload_json: &[u8], now: Now) -> Vec<u8> {
    use std::io::Write;

    let mut content = Vec::with_capacity(name_json.len() + payload_json.len() + 88);
    content.extend_from_slice(br#"{"event":"#);
    content.extend_from_slice(name_json);
    content.extend_from_slice(br#","payload":"#);
    content.extend_from_slice(payload_json);
    let (secs, micros) = (now.secs(), now.subsec_micros());
    write!(content, r#","timestamp":{secs},"queued_at":{secs}.{micros:06}}}"#).expect("a Vec takes every write");
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_it_parses() {
        let now = Now::read();
        let content = encode(br#""order\/created""#, br#"{"id":1}"#, now);
        let event = Event::parse(&content).expect("an event");
        assert_eq!(event.name_json(), r#""order\/created""#);
        assert_eq!(event.payload_json(), r#"{"id":1}"#);
        assert_eq!(event.timestamp(), now.secs() as i64);
        let micros = now.secs() * 1_000_000 + u64::from(now.subsec_micros());
        assert_eq!(event.queued_at(), Some(QueuedAt::from_nanos(micros * 1_000)));
    }
}
