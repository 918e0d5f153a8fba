//! What a client that comes back is sent again: decided under the lock of the hub's order, so that it ends exactly where
//! what comes live begins.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use queue::ChannelName;
use serde_json::value::RawValue;

use crate::history::PastPublication;
use crate::hub::interest::ChannelKey;
use crate::hub::presence::Member;
use crate::hub::published::Published;
use crate::protocol::after::After;
use crate::protocol::id::Id;
use crate::protocol::native::{self, ServerMessage};
use crate::protocol::{Encoding, pusher, sse};
use crate::publication::Seq;
use crate::session_id::SessionId;
use crate::unix_time;

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// How its messages are written.
    pub(super) encoding: Encoding,
    /// Channels that it does not have yet.
    pub(super) new: &'a [ChannelName],
    /// All that the answer is about.
    pub(super) channels: &'a [ChannelName],
    /// Whether it is to get what is for everybody, from now on.
    pub(super) everybody: bool,
    /// Where it was.
    pub(super) after: Option<After>,
    /// What it had on this connection: everything after a number, by channel.
    pub(super) had: &'a [(Option<ChannelName>, Seq)],
    /// Who it is on presence channels.
    pub(super) member: Option<Member>,
}

/// What it gets.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The last publication before.
    pub(super) head: Id,
    /// If it has said where it was.
    pub(super) resumed: Option<Resumed>,
    /// Who is on its new presence channel, in the Pusher protocol.
    pub(super) members: Option<Vec<Member>>,
    /// The frame of the last event of its new channel, in the Pusher protocol.
    pub(super) last_event: Option<Arc<[u8]>>,
}

/// Whether a client gets all that it has missed.
#[derive(Debug)]
pub(super) enum Resumed {
    /// It does.
    Recovered {
        /// Where it was.
        from: Seq,
        /// The same as an id.
        id: Id,
        /// What it has missed, in order.
        events: Vec<Missed>,
    },
    /// Something is not kept any more, or nobody knows.
    Gap,
}

/// A publication that a client has missed, and the channel that brings it.
#[derive(Debug)]
pub(super) struct Missed {
    publication: PastPublication,
    id: Id,
    channel: Option<ChannelName>,
}

/// What a thread notes of new subscriptions.
#[derive(Debug)]
pub(super) struct Subscribed {
    /// In the order of the new names.
    pub(super) keys: Vec<ChannelKey>,
    /// The place behind which they begin.
    pub(super) began: Seq,
    /// The client has everything after this number.
    pub(super) has_after: Seq,
    /// If it has said where it was: how many events it gets again, or that there is a gap.
    pub(super) missed: Option<Option<usize>>,
}

impl Resumed {
    /// How many events a client gets again. `None`: it has a gap.
    pub(super) fn missed(&self) -> Option<usize> {
        match self {
            Resumed::Recovered { events, .. } => Some(events.len()),
            Resumed::Gap => None,
        }
    }
}

impl Published {
    /// Decides what a client gets again.
    pub(super) fn resume(&self, after: After, session: SessionId, asked: &Asked<'_>) -> Resumed {
        self.try_resume(after, session, asked).unwrap_or(Resumed::Gap)
    }

    fn try_resume(&self, after: After, session: SessionId, asked: &Asked<'_>) -> Option<Resumed> {
        if !self.is_filled() {
            return None;
        }
        let now = unix_time::now();
        let from = self.position(after, now)?;
        let had: HashMap<Option<&ChannelName>, Seq> =
            asked.had.iter().map(|(channel, after)| (channel.as_ref(), *after)).collect();
        let gets = |publication: &PastPublication| {
            let has_had = |name: Option<&ChannelName>| had.get(&name).is_some_and(|after| publication.seq() > *after);
            let is_had = match publication.channels() {
                None => has_had(None),
                Some(names) => names.iter().any(|name| has_had(Some(name))),
            };
            !is_had && publication.except() != Some(session)
        };
        let channels = asked.channels.iter().map(Some).chain(asked.everybody.then_some(None));
        let missed = match self.history() {
            Some(history) => history.after(from, self.head(), channels, now.as_secs_f64(), gets)?,
            // Nothing is kept, but it may have missed nothing.
            None => (from == self.head()).then(Vec::new)?,
        };
        let channels: HashSet<&ChannelName> = asked.channels.iter().collect();
        let events = missed.into_iter().map(|publication| {
            // The first of them that it has, as with those that come live.
            let names = publication.channels();
            let channel = names.and_then(|names| names.iter().find(|name| channels.contains(name)).cloned());
            Missed { id: self.id_of(publication.seq()), publication, channel }
        });
        Some(Resumed::Recovered { from, id: self.id_of(from), events: events.collect() })
    }

    /// The number that a position means.
    fn position(&self, after: After, now: Duration) -> Option<Seq> {
        match after {
            After::Id(id) => self.number_of(id),
            After::Moment(millis) => {
                // A machine whose clock is slow gives its events earlier times.
                let difference = unix_time::MAX_CLOCK_DIFFERENCE.as_millis() as u64;
                let millis = if self.follows() { millis.saturating_sub(difference) } else { millis };
                self.history()?.last_before(millis, now.as_millis() as u64)
            }
            After::Unknown => None,
        }
    }
}

impl Missed {
    /// Appends its message.
    fn encode(&self, encoding: Encoding, frames: &mut Vec<u8>) {
        encoding.encode(self.publication.written(), self.id, self.channel.as_ref(), frames);
    }

    /// Appends its message as JSON.
    fn write(&self, json: &mut Vec<u8>) {
        native::write_event(self.publication.written().text, self.id, self.channel.as_ref(), json);
    }
}

impl Outcome {
    /// The first message of a connection, with the messages behind it that the client has missed. `form` counts for
    /// server-sent events only.
    pub(super) fn welcome(
        &self,
        encoding: Encoding,
        form: sse::Form,
        client: &str,
        ping_interval: Duration,
        channels: &[ChannelName],
    ) -> Vec<u8> {
        let (position, events) = match &self.resumed {
            Some(Resumed::Recovered { id, events, .. }) => (*id, events.as_slice()),
            Some(Resumed::Gap) | None => (self.head, &[][..]),
        };
        let id = position.to_string();
        let mut frames = match encoding {
            Encoding::WebSocket => {
                ServerMessage::welcome(client, ping_interval, channels, self.recovered(), &id).encode()
            }
            Encoding::Sse | Encoding::SseNamed => sse::welcome(&id, self.recovered(), form),
            Encoding::Pusher => pusher::message::established(client),
        };
        events.iter().for_each(|event| event.encode(encoding, &mut frames));
        frames
    }

    /// The answer to a command, with the messages in it that the client has missed: it has all of them or none.
    pub(super) fn subscribed(&self, reference: Option<&RawValue>, channels: &[ChannelName]) -> Vec<u8> {
        let id = self.head.to_string();
        let message = ServerMessage::Subscribed { reference, channels, id: &id, recovered: self.recovered() };
        match &self.resumed {
            Some(Resumed::Recovered { events, .. }) => {
                message.encode_with_events(events.iter().map(|event| |json: &mut Vec<u8>| event.write(json)))
            }
            Some(Resumed::Gap) | None => message.encode(),
        }
    }

    fn recovered(&self) -> Option<bool> {
        self.resumed.as_ref().map(|resumed| matches!(resumed, Resumed::Recovered { .. }))
    }
}

#[cfg(test)]
mod tests;
