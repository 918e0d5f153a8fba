//! A publication that can be sent again.

use std::sync::atomic::{AtomicU32, Ordering};

use queue::ChannelName;

use crate::history::log::{LogTime, Logged};
use crate::protocol::{Written, plain};
use crate::publication::{Audience, Publication, Seq};
use crate::session_id::SessionId;

/// What a publication takes beside its text and channels, about: itself, its place in the order, and its place in the
/// list of one channel, with what the allocator needs.
const OVERHEAD_BYTES: usize = size_of::<PastPublication>() + 64;
/// What each of its channels takes.
const CHANNEL_BYTES: usize = size_of::<ChannelName>() + 16;

/// A publication that is kept. An event for several channels is kept once.
#[derive(Debug)]
pub(crate) struct PastPublication {
    /// Its number.
    pub(crate) seq: Seq,
    /// When that was given.
    pub(crate) at: LogTime,
    /// Its message without the last brace.
    text: Box<[u8]>,
    /// Bytes of its name there.
    name_len: usize,
    /// Its channels. `None`: it is for everybody.
    channels: Option<Box<[ChannelName]>>,
    /// The client of this process that does not get it.
    pub(crate) except: Option<SessionId>,
    /// From when on nobody needs it, in seconds since 1970.
    pub(crate) expires_at: Option<f64>,
    /// How many lists have it.
    lists: AtomicU32,
}

impl PastPublication {
    pub(crate) fn new(
        seq: Seq,
        at: LogTime,
        written: Written<'_>,
        channels: Option<&[ChannelName]>,
        except: Option<SessionId>,
        expires_at: Option<f64>,
    ) -> PastPublication {
        let (text, name_len) = (written.text.into(), written.name_len);
        let (channels, lists) = (channels.map(Box::from), AtomicU32::new(0));
        PastPublication { seq, at, text, name_len, channels, except, expires_at, lists }
    }

    /// What it says.
    pub(crate) fn written(&self) -> Written<'_> {
        Written { text: &self.text, name_len: self.name_len }
    }

    /// What is written of it into a history log that is written again. Its entry was acked. `None`: it is not of ours.
    pub(crate) fn logged(&self) -> Option<Logged<'_>> {
        let (name_json, payload_json, timestamp) = plain::read_parts(&self.text, self.name_len)?;
        let audience = self.channels().map_or(Audience::Everybody, Audience::Channels);
        let publication =
            Publication { name_json, payload_json, timestamp, audience, except: None, expires_at: self.expires_at };
        Some(Logged { seq: self.seq, origin: None, uid: None, publication, key: None })
    }

    /// Its channels. `None`: it is for everybody.
    pub(crate) fn channels(&self) -> Option<&[ChannelName]> {
        self.channels.as_deref()
    }

    /// Whether nobody needs it any more. `now` in seconds since 1970.
    pub(crate) fn has_expired(&self, now: f64) -> bool {
        self.expires_at.is_some_and(|time| time <= now)
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let channels = self.channels.as_ref().map_or(1, |channels| channels.len());
        OVERHEAD_BYTES + self.text.len() + channels * CHANNEL_BYTES
    }

    /// Notes that a list has it.
    pub(super) fn enter(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a list has it no longer. Returns whether that was the last.
    pub(super) fn leave(&self) -> bool {
        self.lists.fetch_sub(1, Ordering::Relaxed) == 1
    }
}
