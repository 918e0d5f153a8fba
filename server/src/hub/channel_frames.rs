//! Frames for clients that get publications by channel, on their way from who publishes to the threads of the hub.

use std::ops::Range;

use crate::hub::interest::ChannelKey;
use crate::publication::Seq;
use crate::session_id::SessionId;

/// Frames, in the order of their publications.
#[derive(Debug, Default)]
pub(super) struct ChannelFrames {
    bytes: Vec<u8>,
    frames: Vec<ChannelFrame>,
    /// How many of them are not only about presence.
    events: usize,
}

/// A publication as the subscribers of one channel get it.
#[derive(Debug, Clone)]
pub(super) struct ChannelFrame {
    pub(super) seq: Seq,
    pub(super) channel: ChannelKey,
    /// Threads that have subscribers, a bit for each.
    pub(super) threads: u64,
    /// The client that does not get it.
    pub(super) except: Option<SessionId>,
    /// It tells who has come or gone.
    is_presence: bool,
    range: Range<usize>,
}

impl ChannelFrames {
    /// Appends a frame, which `encode` writes.
    pub(super) fn push(
        &mut self,
        seq: Seq,
        channel: ChannelKey,
        threads: u64,
        except: Option<SessionId>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        let range = start..self.bytes.len();
        self.frames.push(ChannelFrame { seq, channel, threads, except, is_presence: false, range });
        self.events += 1;
    }

    /// Notes that the last frame tells who has come or gone.
    pub(super) fn last_is_presence(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && !std::mem::replace(&mut frame.is_presence, true)
        {
            self.events -= 1;
        }
    }

    /// Whether there is more than who has come and gone.
    pub(super) fn has_events(&self) -> bool {
        self.events > 0
    }

    /// Appends those frames of others that are for a thread.
    pub(super) fn append(&mut self, others: &ChannelFrames, thread: usize) {
        for frame in others.frames.iter().filter(|frame| frame.threads & 1 << thread != 0) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(others.bytes_of(frame));
            self.frames.push(ChannelFrame { range: start..self.bytes.len(), ..frame.clone() });
            self.events += usize::from(!frame.is_presence);
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.events = 0;
    }

    pub(super) fn all(&self) -> &[ChannelFrame] {
        &self.frames
    }

    pub(super) fn bytes_of(&self, frame: &ChannelFrame) -> &[u8] {
        &self.bytes[frame.range.clone()]
    }
}
