//! A publication that can be sent again.

use std::sync::atomic::{AtomicU32, Ordering};

use queue::ChannelName;
use smallvec::SmallVec;
use triomphe::ThinArc;

use crate::history::log::{LogTime, Logged};
use crate::protocol::{Written, plain};
use crate::publication::{Audience, Publication, Seq};
use crate::session_id::SessionId;

/// What a publication takes beside its text and channels, about: its head and its place in the list of one channel,
/// with what the allocator needs.
const OVERHEAD_BYTES: usize = size_of::<Head>() + 40;
/// What each of its channels takes.
const CHANNEL_BYTES: usize = size_of::<ChannelName>() + 16;

/// A publication that is kept, shared by all who have it. An event for several channels is kept once.
///
/// It is one allocation (with several channels two). When it is dropped, it has not been used for a while and is in no
/// CPU cache, so each further allocation would be another cache miss.
#[derive(Debug, Clone)]
pub(crate) struct PastPublication(ThinArc<Head, u8>);

/// Everything but its text, the message without the last brace, which follows in the same allocation.
#[derive(Debug)]
struct Head {
    seq: Seq,
    at: LogTime,
    /// Bytes of its name in the text.
    name_len: usize,
    /// How many lists have it.
    lists: AtomicU32,
    /// `None`: it is for everybody.
    channels: Option<SmallVec<[ChannelName; 1]>>,
    except: Option<SessionId>,
    /// In seconds since 1970.
    expires_at: Option<f64>,
}

impl PastPublication {
    pub(crate) fn new(
        seq: Seq,
        at: LogTime,
        written: Written<'_>,
        channels: Option<SmallVec<[ChannelName; 1]>>,
        except: Option<SessionId>,
        expires_at: Option<f64>,
    ) -> PastPublication {
        let (name_len, lists) = (written.name_len, AtomicU32::new(0));
        let head = Head { seq, at, name_len, lists, channels, except, expires_at };
        PastPublication(ThinArc::from_header_and_slice(head, written.text))
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }

    /// Its number.
    pub(crate) fn seq(&self) -> Seq {
        self.head().seq
    }

    /// When that was given.
    pub(crate) fn at(&self) -> LogTime {
        self.head().at
    }

    /// The client of this process that does not get it.
    pub(crate) fn except(&self) -> Option<SessionId> {
        self.head().except
    }

    /// What it says.
    pub(crate) fn written(&self) -> Written<'_> {
        Written { text: &self.0.slice, name_len: self.head().name_len }
    }

    /// What is written of it into a history log that is written again. Its entry was acked. `None`: it is not of ours.
    pub(crate) fn logged(&self) -> Option<Logged<'_>> {
        let Written { text, name_len } = self.written();
        let (name_json, payload_json, timestamp) = plain::read_parts(text, name_len)?;
        let audience = self.channels().map_or(Audience::Everybody, Audience::Channels);
        let expires_at = self.head().expires_at;
        let publication =
            Publication { name_json, payload_json, timestamp, audience, except: None, expires_at, queued_at: None };
        Some(Logged { seq: self.seq(), origin: None, uid: None, publication, key: None })
    }

    /// Its channels. `None`: it is for everybody.
    pub(crate) fn channels(&self) -> Option<&[ChannelName]> {
        self.head().channels.as_deref()
    }

    /// Whether nobody needs it any more. `now` in seconds since 1970.
    pub(crate) fn has_expired(&self, now: f64) -> bool {
        self.head().expires_at.is_some_and(|time| time <= now)
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let channels = self.channels().map_or(1, <[ChannelName]>::len);
        OVERHEAD_BYTES + self.0.slice.len() + channels * CHANNEL_BYTES
    }

    /// Notes that a list has it.
    pub(super) fn enter(&self) {
        self.head().lists.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a list has it no longer. Returns whether that was the last.
    pub(super) fn leave(&self) -> bool {
        self.head().lists.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Whether a list has it.
    pub(super) fn is_kept(&self) -> bool {
        self.head().lists.load(Ordering::Relaxed) > 0
    }
}
