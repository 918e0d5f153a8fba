//! The name of an entry, whichever form of the queue it is in.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::directory::FileName;
use crate::journal::RecordName;
use crate::layout;

/// Names an entry: in logs, in the history log, and to ack or reject it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryName {
    /// A file of the directory.
    File(FileName),
    /// A record of the journal.
    Record(RecordName),
}

impl EntryName {
    /// The name of its file, if it has one of its own.
    pub fn file(&self) -> Option<&FileName> {
        match self {
            EntryName::File(name) => Some(name),
            EntryName::Record(_) => None,
        }
    }
}

impl EntryName {
    /// The name in the failed folder of a record that is rejected.
    pub fn file_when_rejected(&self) -> Option<FileName> {
        match self {
            EntryName::File(_) => None,
            EntryName::Record(name) => Some(FileName::of_record(*name)),
        }
    }
}

impl PartialEq<FileName> for EntryName {
    fn eq(&self, file: &FileName) -> bool {
        self.file() == Some(file)
    }
}

impl From<FileName> for EntryName {
    fn from(name: FileName) -> EntryName {
        EntryName::File(name)
    }
}

impl From<RecordName> for EntryName {
    fn from(name: RecordName) -> EntryName {
        EntryName::Record(name)
    }
}

/// The text cannot be the name of an entry.
#[derive(Debug, Error)]
#[error(
    "not the name of an entry: one of a file that ends in .json or .events, or a segment, @ and an offset in bytes"
)]
pub struct InvalidName;

impl FromStr for EntryName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<EntryName, InvalidName> {
        EntryName::try_from(OsString::from(name))
    }
}

impl TryFrom<OsString> for EntryName {
    type Error = InvalidName;

    fn try_from(name: OsString) -> Result<EntryName, InvalidName> {
        // The name of a file may contain that character as well: what is no name of a record is tried as one of a file.
        let record = name.to_str().filter(|name| name.contains(layout::AT_OFFSET)).and_then(|name| name.parse().ok());
        match record {
            Some(record) => Ok(EntryName::Record(record)),
            None => FileName::try_from(name).map(EntryName::File).map_err(|_| InvalidName),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryName::File(name) => name.fmt(formatter),
            EntryName::Record(name) => name.fmt(formatter),
        }
    }
}
