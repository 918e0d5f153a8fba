//! An event in the log, as a line of JSON: its number, where it came from, and what is needed to send it again.
//!
//! The client that shall not get an event (`except`) is not part of it: it names a connection to the process that
//! wrote the log. The log is read by the next process only, whose connections have other ids.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;

use queue::{ChannelName, EntryName, Event, Uid};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::time::LogTime;
use crate::publication::{Audience, Publication, Seq};

/// An event on its way into the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged<'a> {
    /// Its number. Every number that a client can see must be in the log, without a hole.
    pub(crate) seq: Seq,
    /// The entry that it came in, and its line there, counted from 0. `None`: it did not come through the queue, or
    /// its entry was acked.
    pub(crate) origin: Option<(&'a EntryName, u32)>,
    /// Its producer's name of it.
    pub(crate) uid: Option<Uid>,
    /// What is sent.
    pub(crate) publication: Publication<'a>,
    /// Another event with this key is a repeat.
    pub(crate) key: Option<&'a str>,
}

impl<'a> Logged<'a> {
    /// An event of the queue.
    pub(crate) fn of(seq: Seq, entry: &'a EntryName, line: u32, event: &'a Event) -> Logged<'a> {
        Logged {
            seq,
            origin: Some((entry, line)),
            uid: Some(event.uid()),
            publication: Publication::of(event),
            key: event.key(),
        }
    }

    /// Appends its line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        // A Vec takes every write, and texts and lists of numbers are JSON.
        let _ = self.try_write(out);
    }

    fn try_write(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(b"{\"n\":");
        out.extend_from_slice(digits.format(self.seq.0).as_bytes());
        if let Some((entry, line)) = self.origin {
            out.extend_from_slice(b",\"entry\":");
            match entry {
                // It has nothing that JSON escapes.
                EntryName::Record(name) => write!(out, "\"{name}\"")?,
                EntryName::File(name) => match name.as_os_str().to_str() {
                    Some(name) => serde_json::to_writer(&mut *out, name)?,
                    None => serde_json::to_writer(&mut *out, name.as_os_str().as_encoded_bytes())?,
                },
            }
            out.extend_from_slice(b",\"line\":");
            out.extend_from_slice(digits.format(line).as_bytes());
        }
        if let Some(uid) = self.uid {
            write!(out, ",\"uid\":\"{uid}\"")?;
        }
        let publication = &self.publication;
        out.extend_from_slice(b",\"event\":");
        out.extend_from_slice(publication.name_json.as_bytes());
        out.extend_from_slice(b",\"payload\":");
        out.extend_from_slice(publication.payload_json.as_bytes());
        out.extend_from_slice(b",\"timestamp\":");
        out.extend_from_slice(digits.format(publication.timestamp).as_bytes());
        out.extend_from_slice(b",\"channels\":");
        match publication.audience {
            Audience::Everybody => out.extend_from_slice(b"null"),
            Audience::Channels(names) => {
                for (index, name) in names.iter().enumerate() {
                    // Names of channels have nothing that JSON escapes.
                    out.extend_from_slice(if index == 0 { b"[\"" } else { b",\"" });
                    out.extend_from_slice(name.as_str().as_bytes());
                    out.push(b'"');
                }
                out.push(b']');
            }
        }
        if let Some(time) = publication.expires_at {
            write!(out, ",\"expires_at\":{time:?}")?;
        }
        if let Some(key) = self.key {
            out.extend_from_slice(b",\"key\":");
            serde_json::to_writer(&mut *out, key)?;
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// An event that was found in the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// Its number.
    pub(crate) seq: Seq,
    /// When that was given.
    pub(crate) at: LogTime,
    /// The entry that it came in, and its line there.
    pub(crate) origin: Option<(EntryName, u32)>,
    /// Its producer's name of it.
    pub(crate) uid: Option<Uid>,
    /// The name, as JSON text.
    pub(crate) name_json: Box<str>,
    /// The payload, as JSON text.
    pub(crate) payload_json: Box<str>,
    /// When it was queued or sent, in seconds since 1970.
    pub(crate) timestamp: i64,
    /// Its channels. `None`: it is for everybody.
    pub(crate) channels: Option<Box<[ChannelName]>>,
    /// From when on nobody needs it, in seconds since 1970.
    pub(crate) expires_at: Option<f64>,
    /// Another event with this key is a repeat.
    pub(crate) key: Option<Box<str>>,
}

impl Kept {
    /// What is written of it, when the log is written again.
    pub(crate) fn logged(&self) -> Logged<'_> {
        Logged {
            seq: self.seq,
            origin: self.origin.as_ref().map(|(entry, line)| (entry, *line)),
            uid: self.uid,
            publication: Publication {
                name_json: &self.name_json,
                payload_json: &self.payload_json,
                timestamp: self.timestamp,
                audience: self.channels.as_deref().map_or(Audience::Everybody, Audience::Channels),
                except: None,
                expires_at: self.expires_at,
                queued_at: None,
            },
            key: self.key.as_deref(),
        }
    }

    /// Reads the events of a record. `None`: this is not what we write.
    pub(super) fn read_all(body: &[u8], at: LogTime) -> Option<Vec<Kept>> {
        // Not by lines: the payload of another producer can have line ends between its values.
        let lines = serde_json::Deserializer::from_slice(body).into_iter::<Fields<'_>>();
        lines.map(|fields| Kept::of(fields.ok()?, at)).collect()
    }

    fn of(fields: Fields<'_>, at: LogTime) -> Option<Kept> {
        let origin = match fields.entry {
            Some(name) => Some((name.read()?, fields.line?)),
            None => None,
        };
        let channels = match fields.channels.get() {
            "null" => None,
            names => Some(read_channels(names)?),
        };
        let uid = match fields.uid {
            Some(uid) => Some(uid.parse().ok()?),
            None => None,
        };
        let expires_at = match fields.expires_at {
            // The parser of the standard library gives back the number that was written; that of serde does not always.
            Some(time) => Some(time.get().parse().ok()?),
            None => None,
        };
        Some(Kept {
            seq: Seq(fields.n),
            at,
            origin,
            uid,
            name_json: fields.event.get().into(),
            payload_json: fields.payload.get().into(),
            timestamp: fields.timestamp,
            channels,
            expires_at,
            key: fields.key.map(|key| key.into()),
        })
    }
}

fn read_channels(names: &str) -> Option<Box<[ChannelName]>> {
    let names: Vec<&str> = serde_json::from_str(names).ok()?;
    // No list means everybody.
    let channels = (!names.is_empty()).then(|| names.iter().map(|name| name.parse().ok()).collect());
    channels.flatten()
}

#[derive(Deserialize)]
struct Fields<'a> {
    n: u64,
    #[serde(borrow)]
    entry: Option<Name<'a>>,
    line: Option<u32>,
    uid: Option<&'a str>,
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
    timestamp: i64,
    #[serde(borrow)]
    channels: &'a RawValue,
    #[serde(borrow)]
    expires_at: Option<&'a RawValue>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
}

/// The name of an entry: its bytes, if it is not UTF-8.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Bytes(Vec<u8>),
}

impl Name<'_> {
    fn read(self) -> Option<EntryName> {
        let bytes = match self {
            Name::Text(text) => text.into_owned().into_bytes(),
            Name::Bytes(bytes) => bytes,
        };
        EntryName::try_from(OsString::from_vec(bytes)).ok()
    }
}
