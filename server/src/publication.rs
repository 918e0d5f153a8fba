//! What is published: events inside the server, numbered, not yet encoded.

use std::fmt;
use std::time::{Duration, SystemTime};

use queue::{ChannelName, Event};

use crate::unix_time;

/// An event on its way to clients.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The name, as JSON text.
    pub name_json: &'a str,
    /// The payload, as JSON text: clients receive these bytes.
    pub payload_json: &'a str,
    /// When it was queued or sent, in seconds since 1970.
    pub timestamp: i64,
    /// Who gets it.
    pub audience: Audience<'a>,
    /// The client that shall not get it, by its id.
    pub except: Option<&'a str>,
    /// From when on nobody needs it, in seconds since 1970: then it is not sent again.
    pub expires_at: Option<f64>,
    /// When it was queued, since 1970, by the clock of its producer. `None`: that is not known, or not of interest.
    pub queued_at: Option<Duration>,
}

/// Who gets a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// Every client.
    Everybody,
    /// The subscribers of these channels, each once. At least one, none twice.
    Channels(&'a [ChannelName]),
}

impl<'a> Publication<'a> {
    /// An event of the queue.
    pub fn of(event: &'a Event) -> Publication<'a> {
        Publication {
            name_json: event.name_json(),
            payload_json: event.payload_json(),
            timestamp: event.timestamp(),
            audience: event.channels().map_or(Audience::Everybody, Audience::Channels),
            except: event.except(),
            expires_at: event.expires_at(),
            queued_at: event.queued_since_epoch(),
        }
    }

    /// An event for everybody. Both texts are complete JSON.
    pub fn to_everybody(name_json: &'a str, payload_json: &'a str, timestamp: i64) -> Publication<'a> {
        Publication {
            name_json,
            payload_json,
            timestamp,
            audience: Audience::Everybody,
            except: None,
            expires_at: None,
            queued_at: None,
        }
    }

    /// An event for everybody that did not come through the queue, of this moment. Both texts are complete JSON.
    pub fn now(name_json: &'a str, payload_json: &'a str) -> Publication<'a> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Publication::to_everybody(name_json, payload_json, now.as_secs().cast_signed())
    }
}

/// Tells whether nobody needs an event any more.
pub(crate) fn has_expired(event: &Event) -> bool {
    // By this clock: the producer's may be that of another machine.
    event.expires_at().is_some_and(|time| time <= unix_time::now().as_secs_f64())
}

/// The number of a publication: the first of a server is 1, and each is one more than the one before. 0 is before all
/// of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl Seq {
    /// The number so many publications later.
    #[must_use]
    pub fn plus(self, publications: usize) -> Seq {
        Seq(self.0 + publications as u64)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
