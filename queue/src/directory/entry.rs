//! One entry of the directory: the name of its file, and the event in it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::directory::layout;
use crate::error::EntryError;
use crate::event::Event;
use crate::printable::shown;
use crate::queued_at::Now;

/// The file name of an entry. Names that our producer makes sort in the order of queueing; the name is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(OsString);

impl EntryName {
    pub(super) fn new(name: impl Into<OsString>) -> EntryName {
        EntryName(name.into())
    }

    /// The name for an event that is queued now.
    pub(super) fn at(now: Now) -> EntryName {
        EntryName(layout::new_entry_name(now))
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

/// An entry that a scan found.
#[derive(Debug)]
pub struct Entry {
    /// The name to ack or reject it by.
    pub name: EntryName,
    /// The event, or why the entry holds none.
    pub event: Result<Event, EntryError>,
}
