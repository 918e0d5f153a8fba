//! Why a line of an entry of several events is no event.

use std::str::Utf8Error;

use thiserror::Error;

use crate::channel::{InvalidChannel, MAX_CHANNELS_OF_EVENT};
use crate::json_problem::told;
use crate::limits::{MAX_EVENTS_OF_ENTRY, VERSION};

/// Why a line is no event. It rejects the whole entry, except for one that a newer program wrote.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LineError {
    /// The last line has no line feed: it may be cut off.
    #[error("no line feed at its end, so it may be cut off")]
    NotEnded,
    /// The line is not text.
    #[error("not valid UTF-8: {0}")]
    NotUtf8(#[source] Utf8Error),
    /// There is nothing in the line.
    #[error("it is empty")]
    Empty,
    /// The line holds another value.
    #[error("not a JSON object")]
    NotAnObject,
    /// The line is not one JSON object, or has a key twice.
    #[error("not valid JSON: {}", without_line(.0))]
    NotJson(#[source] serde_json::Error),
    /// A newer program wrote it, with keys that this one does not know. The entry waits.
    #[error("its version is {0}, and this program reads version {VERSION}: the entry waits for a newer one")]
    NewerVersion(u64),
    /// A required key is missing.
    #[error("no `{0}` key")]
    Missing(&'static str),
    /// A key has a value of the wrong type or size.
    #[error("`{key}` is not {expected}")]
    Wrong {
        /// The key.
        key: &'static str,
        /// What its value must be.
        expected: String,
    },
    /// The key that is easily mistaken for `channels`.
    #[error("`channel` is no key of an event: write `channels` and a list")]
    Channel,
    /// There are too many names in `channels`.
    #[error("`channels` has {0} names, more than {MAX_CHANNELS_OF_EVENT}")]
    TooManyChannels(usize),
    /// A name in `channels` is none.
    #[error("name {number} of `channels` is no name: {problem}")]
    BadChannel {
        /// Which it is, from 1.
        number: usize,
        /// What a name is.
        problem: InvalidChannel,
    },
    /// The line is one more than an entry may have.
    #[error("an entry has at most {MAX_EVENTS_OF_ENTRY} events")]
    TooMany,
}

impl LineError {
    /// Tells whether waiting may help: a producer may still be writing the line.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, LineError::NotEnded | LineError::NotUtf8(_) | LineError::NotJson(_))
    }
}

/// The line of the error is always 1: the entry has more, and this is one of them.
fn without_line(error: &serde_json::Error) -> String {
    told(error, &format!("column {}", error.column()))
}
