//! Why an entry is rejected, or left waiting.

use std::io;
use std::str::Utf8Error;

use thiserror::Error;

use crate::json_problem::{place, told};
use crate::line_error::LineError;

/// Why an entry is rejected. The text stands in the reason file beside the rejected entry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The content is not text.
    #[error("not valid UTF-8: {0}")]
    NotUtf8(#[source] Utf8Error),
    /// The content is another JSON value, so no event.
    #[error("a list, and not an object with the keys event and payload")]
    NotAnObject,
    /// The content is not a JSON object with the known keys, or not all of it was written.
    #[error("not valid JSON: {}", told(.0, &place(.0)))]
    NotJson(#[source] serde_json::Error),
    /// The object has no `event`, or it is null.
    #[error("no `event` key")]
    NoName,
    /// The name is an array or an object.
    #[error("the event name is not a string")]
    NameNotScalar,
    /// An entry for everybody has a key that says who is to get it.
    #[error("`{0}` is given, and an entry of this kind is for everybody: write it as a *.events entry")]
    NotForEverybody(&'static str),
    /// A line of an entry of several events is no event.
    #[error("line {line}: {problem}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        problem: LineError,
    },
    /// An entry of several events has none.
    #[error("no line, so no event")]
    NoEvents,
    /// The name of an entry of several events has no time.
    #[error("its name is not a UUIDv7 and .events, .high.events or .low.events")]
    NotNamedByTime,
    /// The messages for all channels would exceed the limit of the reader.
    #[error("{size} bytes times {channels} channels is more than the limit of {limit} bytes")]
    TooLargeForChannels {
        /// Bytes of the entry.
        size: u64,
        /// The most channels of one of its events.
        channels: usize,
        /// The limit in bytes.
        limit: u64,
    },
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
    Unreadable(#[source] io::Error),
    /// The entry's name is that of a symbolic link, directory, pipe or device.
    #[error("not a regular file")]
    NotAFile,
}

impl EntryError {
    /// Tells whether waiting may help: a producer without the extension may still be writing the file, or about to set
    /// its mode.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            EntryError::NotUtf8(_)
            | EntryError::NotAnObject
            | EntryError::NotJson(_)
            | EntryError::Unreadable(_)
            | EntryError::NoEvents => true,
            EntryError::Line { problem, .. } => problem.may_pass(),
            _ => false,
        }
    }

    /// Tells whether a newer program wrote the entry. It is left waiting for one that can read it.
    pub(crate) fn is_newer(&self) -> bool {
        matches!(self, EntryError::Line { problem: LineError::NewerVersion(_), .. })
    }
}
