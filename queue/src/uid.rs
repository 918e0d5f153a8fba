//! The producer's name of an event, which drops repeats.

use std::fmt;

use uuid::Uuid;

/// A UUIDv7 (RFC 9562, section 5.7), one for each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub(crate) Uuid);

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}
