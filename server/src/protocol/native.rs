//! Messages of clients that name channels, by URL or by the subprotocol `fastapi.v1`: events with an id and the channel
//! that brought them, and what the server tells beside events. A message with `event` is an event, one with `type` is
//! not.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use queue::ChannelName;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::protocol::frames::{encode_text, encode_text_of, header_len};
use crate::protocol::id::Id;
use crate::protocol::plain;
use crate::publication::Publication;

/// Of these messages, as the first of them says.
const VERSION: u32 = 1;

/// What the server tells a client beside events.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ServerMessage<'a> {
    /// The first message.
    Welcome {
        client: &'a str,
        version: u32,
        /// In seconds.
        ping_interval: f64,
        #[serde(serialize_with = "as_texts")]
        channels: &'a [ChannelName],
        /// Whether it gets all that it has missed, if it has said where it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        id: &'a str,
    },
    Heartbeat {
        id: &'a str,
    },
    /// Something was lost, for all channels of the client.
    Gap {
        id: &'a str,
    },
    Subscribed {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a RawValue>,
        #[serde(serialize_with = "as_texts")]
        channels: &'a [ChannelName],
        id: &'a str,
        /// Whether it gets all that it has missed, if it has said where it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
    },
    Unsubscribed {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a RawValue>,
        #[serde(serialize_with = "as_texts")]
        channels: &'a [ChannelName],
        /// Why, if the client did not ask for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    Authenticated {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a str>,
        /// Seconds since 1970.
        expires_at: u64,
    },
    Pong {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a RawValue>,
        id: &'a str,
    },
    Error {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a RawValue>,
        code: u16,
        message: &'a str,
    },
    /// A user has come to a presence channel.
    Joined {
        channel: &'a str,
        user: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        info: Option<&'a RawValue>,
    },
    /// A user has gone from a presence channel.
    Left {
        channel: &'a str,
        user: &'a str,
    },
    /// Who is on a presence channel.
    Members {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a RawValue>,
        channel: &'a str,
        members: Vec<Present<'a>>,
    },
    /// The token ends soon.
    Expiring,
}

/// Somebody on a presence channel.
#[derive(Debug, Serialize)]
pub(crate) struct Present<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<&'a RawValue>,
}

impl<'a> Present<'a> {
    /// `info` is JSON.
    pub(crate) fn new(user: &'a str, info: Option<&'a str>) -> Present<'a> {
        Present { user, info: info.and_then(|info| serde_json::from_str(info).ok()) }
    }
}

/// Codes of [`ServerMessage::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    NotAuthenticated = 101,
    NotAllowed = 103,
    TooManyChannels = 106,
    BadRequest = 107,
    TokenExpired = 109,
}

impl<'a> ServerMessage<'a> {
    /// The first message of a connection.
    pub(crate) fn welcome(
        client: &'a str,
        ping_interval: Duration,
        channels: &'a [ChannelName],
        recovered: Option<bool>,
        id: &'a str,
    ) -> ServerMessage<'a> {
        let ping_interval = ping_interval.as_secs_f64();
        ServerMessage::Welcome { client, version: VERSION, ping_interval, channels, recovered, id }
    }

    /// That a user has come. `info` is JSON.
    pub(crate) fn joined(channel: &'a ChannelName, user: &'a str, info: Option<&'a str>) -> ServerMessage<'a> {
        let Present { user, info } = Present::new(user, info);
        ServerMessage::Joined { channel: channel.as_str(), user, info }
    }

    /// That a token is valid.
    pub(crate) fn authenticated(
        reference: Option<&'a RawValue>,
        user: Option<&'a str>,
        expires_at: SystemTime,
    ) -> ServerMessage<'a> {
        let expires_at = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        ServerMessage::Authenticated { reference, user, expires_at }
    }

    /// Its frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode_text(&self.text())
    }

    /// Its frame, with events at the end, which are written as JSON one after the other.
    pub(crate) fn encode_with_events(&self, mut events: impl Iterator<Item = impl FnOnce(&mut Vec<u8>)>) -> Vec<u8> {
        let mut text = self.text().into_bytes();
        text.pop();
        text.extend_from_slice(b",\"events\":[");
        if let Some(first) = events.next() {
            first(&mut text);
        }
        for event in events {
            text.push(b',');
            event(&mut text);
        }
        text.extend_from_slice(b"]}");
        let mut frame = Vec::new();
        encode_text_of(&[&text], &mut frame);
        frame
    }

    fn text(&self) -> String {
        // Only maps with keys that are no text cannot be written.
        serde_json::to_string(self).expect("a message is JSON")
    }
}

/// Writes names of channels as a list of texts.
fn as_texts<S: Serializer>(names: &[ChannelName], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(ChannelName::as_str))
}

/// Where the text of a plain frame is that begins at an offset and ends the frames, without its last brace.
pub(crate) fn text_of_plain(frames: &[u8], start: usize) -> Range<usize> {
    start + header_len(&frames[start..])..frames.len() - 1
}

/// Appends the text of a publication without its last brace.
pub(crate) fn write_text(publication: &Publication<'_>, texts: &mut Vec<u8>) {
    let timestamp = publication.timestamp.to_string();
    plain::parts(publication, &timestamp).iter().for_each(|part| texts.extend_from_slice(part.as_bytes()));
}

/// Appends the frame of an event, of whose text the last brace is missing.
pub(crate) fn encode_event(text: &[u8], id: Id, channel: Option<&ChannelName>, frames: &mut Vec<u8>) {
    with_parts(text, id, channel, |parts| encode_text_of(parts, frames));
}

/// Appends the same message as JSON.
pub(crate) fn write_event(text: &[u8], id: Id, channel: Option<&ChannelName>, json: &mut Vec<u8>) {
    with_parts(text, id, channel, |parts| parts.iter().for_each(|part| json.extend_from_slice(part)));
}

fn with_parts(text: &[u8], id: Id, channel: Option<&ChannelName>, write: impl FnOnce(&[&[u8]])) {
    let id = id.text();
    let id = id.as_bytes();
    match channel {
        // Names of channels have nothing that JSON escapes.
        Some(channel) => {
            write(&[text, b",\"id\":\"", id, b"\",\"channel\":\"", channel.as_str().as_bytes(), b"\"}"]);
        }
        None => write(&[text, b",\"id\":\"", id, b"\"}"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::Seq;

    const ID: Id = Id::Own { epoch: 0xab, seq: Seq(12) };

    fn publication() -> Publication<'static> {
        Publication::to_everybody(r#""order\/new""#, r#"{"a":1.0}"#, 7)
    }

    fn text(frame: &[u8]) -> &str {
        str::from_utf8(&frame[header_len(frame)..]).expect("a text")
    }

    #[test]
    fn an_event_is_the_plain_message_with_id_and_channel() {
        let mut plain_frame = b"before".to_vec();
        plain::encode(&publication(), &mut plain_frame);
        let range = text_of_plain(&plain_frame, 6);
        let mut texts = Vec::new();
        write_text(&publication(), &mut texts);
        assert_eq!(&plain_frame[range], &texts[..]);

        let expected = r#"{"event":"order\/new","payload":{"a":1.0},"timestamp":7,"id":"00000000000000ab-12""#;
        let (mut frame, channel) = (Vec::new(), "private-a/b".parse().expect("a name"));
        encode_event(&texts, ID, Some(&channel), &mut frame);
        assert_eq!(text(&frame), format!(r#"{expected},"channel":"private-a/b"}}"#));
        frame.clear();
        encode_event(&texts, ID, None, &mut frame);
        assert_eq!(text(&frame), format!("{expected}}}"));
    }

    #[test]
    fn what_is_told_beside_events_has_a_type_first() {
        let names = ["a".parse::<ChannelName>().expect("a name")];
        let reference = RawValue::from_string("7".to_owned()).expect("JSON");
        let shown = |message: ServerMessage<'_>| text(&message.encode()).to_owned();
        assert_eq!(
            shown(ServerMessage::welcome("1.2", Duration::from_secs(25), &names, None, "x-1")),
            r#"{"type":"welcome","client":"1.2","version":1,"ping_interval":25.0,"channels":["a"],"id":"x-1"}"#
        );
        assert_eq!(
            shown(ServerMessage::Subscribed {
                reference: Some(&reference),
                channels: &names,
                id: "x-1",
                recovered: None
            }),
            r#"{"type":"subscribed","ref":7,"channels":["a"],"id":"x-1"}"#
        );
        assert_eq!(
            shown(ServerMessage::Unsubscribed { reference: None, channels: &names, code: Some(103) }),
            r#"{"type":"unsubscribed","channels":["a"],"code":103}"#
        );
        assert_eq!(shown(ServerMessage::Expiring), r#"{"type":"expiring"}"#);
    }
}
