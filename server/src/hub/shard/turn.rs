//! What one turn of a hub's thread has for the subscribers of channels: frames grouped by channel, and for each session
//! the bytes that it is due, in the order of the publications. Knows nothing of sockets.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::channels::Channels;
use crate::hub::channel_frames::{ChannelFrame, ChannelFrames};
use crate::hub::interest::ChannelKey;
use crate::hub::run::{Piece, Ticket};
use crate::hub::subscriber::Subscriber;
use crate::hub::undelivered::Undelivered;
use crate::publication::Seq;
use crate::session_id::SessionId;

/// Bytes that are kept put together for sessions with the same channels. Of more, they are put together again.
const MAX_MERGED_BYTES: usize = 4 * 1024 * 1024;
/// Memory that is kept for the next turn.
const MAX_KEPT_BYTES: usize = 1024 * 1024;

/// The frames of one turn. Used again and again, it allocates nothing for clients that keep up.
#[derive(Debug, Default)]
pub(super) struct Turn {
    frames: ChannelFrames,
    /// Indices of touched channels and of their frames, sorted.
    entries: Vec<(u32, u32)>,
    touched: Vec<Touched>,
    /// Frames of channels that have several.
    joined: Vec<u8>,
    number: u32,
    /// What is due to each session, by its key.
    marks: Vec<Mark>,
    /// Sessions to which something is due, those of channels with few subscribers first.
    sessions: Vec<u32>,
    /// Sessions that do not get all that their channels bring, sorted.
    excepted: Vec<SessionId>,
    merged: Merged,
    /// What is due to one session alone.
    own: Vec<u8>,
    picked: Vec<u32>,
}

/// A channel that has frames.
#[derive(Debug)]
struct Touched {
    key: ChannelKey,
    /// Its part of `entries`.
    entries: Range<usize>,
    /// Its frames in `joined`, once they are there.
    joined: Option<Range<usize>>,
    /// Its frames as outboxes hold them, if any do.
    kept: Option<Arc<Piece>>,
}

/// What is due to a session, if the turn's number is that of the mark.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    number: u32,
    /// The only touched channel of the session. None: it has several.
    only: Option<u32>,
}

/// What is due to sessions that have several touched channels, by those.
#[derive(Debug, Default)]
struct Merged {
    sets: HashMap<Vec<u32>, usize>,
    parts: Vec<Part>,
    bytes: Vec<u8>,
    set: Vec<u32>,
}

/// What is due to sessions with the same touched channels.
#[derive(Debug)]
struct Part {
    /// In the bytes.
    range: Range<usize>,
    messages: usize,
    /// As outboxes hold it, if any do.
    kept: Option<Arc<Piece>>,
}

/// The bytes that a session is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// All of one channel.
    Channel(usize),
    /// All of several channels.
    Channels(usize),
    /// What nobody else is due.
    Own,
}

impl Turn {
    /// Takes frames, and finds out which channels have any. What the frames were in is empty then.
    pub(super) fn begin(&mut self, frames: &mut ChannelFrames, channels: &mut Channels) {
        std::mem::swap(&mut self.frames, frames);
        // No mark of before has a number that comes again.
        self.number = self.number.checked_add(1).unwrap_or_else(|| {
            self.marks.clear();
            1
        });
        for (index, frame) in self.frames.all().iter().enumerate() {
            // Its subscribers may have left since it was published.
            let Some(channel) = channels.get_mut(frame.channel) else { continue };
            let touched = *channel.touched.get_or_insert_with(|| {
                self.touched.push(Touched { key: frame.channel, entries: 0..0, joined: None, kept: None });
                (self.touched.len() - 1) as u32
            });
            self.entries.push((touched, index as u32));
            self.excepted.extend(frame.except);
        }
        self.entries.sort_unstable();
        self.excepted.sort_unstable();
        let mut from = 0;
        for part in self.entries.chunk_by(|one, other| one.0 == other.0) {
            self.touched[part[0].0 as usize].entries = from..from + part.len();
            from += part.len();
        }
    }

    /// Whether there is nothing for anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first publication.
    pub(super) fn first(&self) -> Option<Seq> {
        self.frames.all().first().map(|frame| frame.seq)
    }

    /// Finds the sessions to which something is due, those of channels with few subscribers first: an event for few must
    /// not wait until one for many is written to all of them.
    pub(super) fn find_sessions(&mut self, channels: &Channels) {
        let subscribers = |touched: &Touched| channels.get(touched.key).map_or(0, |channel| channel.subscribers.len());
        let mut by_size: Vec<usize> = (0..self.touched.len()).collect();
        by_size.sort_by_key(|index| subscribers(&self.touched[*index]));
        for index in by_size {
            let Some(channel) = channels.get(self.touched[index].key) else { continue };
            // The key may be that of another channel by now.
            if channel.touched != Some(index as u32) {
                continue;
            }
            for key in &channel.subscribers {
                if self.marks.len() <= *key as usize {
                    self.marks.resize(*key as usize + 1, Mark::default());
                }
                let mark = &mut self.marks[*key as usize];
                if mark.number == self.number {
                    mark.only = None;
                } else {
                    *mark = Mark { number: self.number, only: Some(index as u32) };
                    self.sessions.push(*key);
                }
            }
        }
    }

    /// The session at an index of those to which something is due.
    pub(super) fn session(&self, index: usize) -> Option<usize> {
        self.sessions.get(index).map(|key| *key as usize)
    }

    /// What is due to a session.
    pub(super) fn due(&mut self, key: usize, id: SessionId, subscriber: &Subscriber, channels: &Channels) -> Due {
        let Some(first) = self.first() else { return Due::Nothing };
        if first <= subscriber.had.max(subscriber.latest_began) || self.excepted.binary_search(&id).is_ok() {
            self.collect(id, subscriber, channels, Seq(u64::MAX));
            return if self.own.is_empty() { Due::Nothing } else { Due::Own };
        }
        match self.marks.get(key).filter(|mark| mark.number == self.number).map(|mark| mark.only) {
            None => Due::Nothing,
            Some(Some(only)) => Due::Channel(self.join(only as usize)),
            Some(None) => Due::Channels(self.merge(subscriber, channels)),
        }
    }

    /// Puts together what is due to one session up to a publication.
    pub(super) fn collect(&mut self, id: SessionId, subscriber: &Subscriber, channels: &Channels, until: Seq) -> &[u8] {
        self.picked.clear();
        for subscription in subscriber.subscriptions() {
            let touched = channels.get(subscription.channel).and_then(|channel| channel.touched);
            let Some(touched) = touched.map(|index| &self.touched[index as usize]) else { continue };
            let from = subscriber.had.max(subscription.began);
            let is_due = |frame: &ChannelFrame| frame.seq > from && frame.seq <= until && frame.except != Some(id);
            let entries = self.entries[touched.entries.clone()].iter().map(|(_, index)| *index);
            self.picked.extend(entries.filter(|index| is_due(&self.frames.all()[*index as usize])));
        }
        self.own.clear();
        append_in_order(&self.frames, &mut self.picked, &mut self.own);
        &self.own
    }

    /// The bytes that are due.
    pub(super) fn bytes(&self, due: Due) -> &[u8] {
        match due {
            Due::Nothing => &[],
            Due::Own => &self.own,
            Due::Channels(index) => &self.merged.bytes[self.merged.parts[index].range.clone()],
            Due::Channel(index) => {
                let touched = &self.touched[index];
                match &touched.joined {
                    Some(range) => &self.joined[range.clone()],
                    None => self.frames.bytes_of(&self.frames.all()[self.entries[touched.entries.start].1 as usize]),
                }
            }
        }
    }

    /// How many messages are due.
    pub(super) fn messages(&self, due: Due) -> usize {
        match due {
            Due::Nothing => 0,
            Due::Own => self.picked.len(),
            Due::Channels(index) => self.merged.parts[index].messages,
            Due::Channel(index) => self.touched[index].entries.len(),
        }
    }

    /// The bytes that are due, to be kept by outboxes.
    pub(super) fn keep(&mut self, due: Due, undelivered: &mut Undelivered, ticket: Ticket) -> Arc<Piece> {
        let kept = match due {
            Due::Nothing | Due::Own => return Arc::new(Piece::own(self.bytes(due), ticket)),
            Due::Channel(index) => &self.touched[index].kept,
            Due::Channels(index) => &self.merged.parts[index].kept,
        };
        if let Some(piece) = kept {
            return piece.clone();
        }
        let piece = match due {
            Due::Channel(index) => undelivered.share_in_channel(self.touched[index].key, self.bytes(due), ticket),
            _ => undelivered.share(self.bytes(due), ticket),
        };
        match due {
            Due::Nothing | Due::Own => {}
            Due::Channel(index) => self.touched[index].kept = Some(piece.clone()),
            Due::Channels(index) => self.merged.parts[index].kept = Some(piece.clone()),
        }
        piece
    }

    /// Forgets everything, and keeps some of the memory for the next turn.
    pub(super) fn end(&mut self, channels: &mut Channels) {
        for touched in self.touched.drain(..) {
            if let Some(channel) = channels.get_mut(touched.key) {
                channel.touched = None;
            }
        }
        self.frames.clear();
        self.entries.clear();
        self.sessions.clear();
        self.excepted.clear();
        self.merged.clear();
        for buffer in [&mut self.joined, &mut self.own, &mut self.merged.bytes] {
            buffer.clear();
            buffer.shrink_to(MAX_KEPT_BYTES);
        }
    }

    /// Puts the frames of a channel in a row, if it has several.
    fn join(&mut self, index: usize) -> usize {
        let touched = &mut self.touched[index];
        if touched.entries.len() > 1 && touched.joined.is_none() {
            let start = self.joined.len();
            for (_, frame) in &self.entries[touched.entries.clone()] {
                self.joined.extend_from_slice(self.frames.bytes_of(&self.frames.all()[*frame as usize]));
            }
            touched.joined = Some(start..self.joined.len());
        }
        index
    }

    /// Puts together what is due to all sessions with the same touched channels.
    fn merge(&mut self, subscriber: &Subscriber, channels: &Channels) -> usize {
        let Merged { sets, parts, bytes, set } = &mut self.merged;
        set.clear();
        let touched = |key: ChannelKey| channels.get(key).and_then(|channel| channel.touched);
        set.extend(subscriber.subscriptions().iter().filter_map(|subscription| touched(subscription.channel)));
        if let Some(index) = sets.get(set.as_slice()) {
            return *index;
        }
        if bytes.len() > MAX_MERGED_BYTES {
            self.merged.forget();
            return self.merge(subscriber, channels);
        }
        self.picked.clear();
        for index in &*set {
            let entries = self.touched[*index as usize].entries.clone();
            self.picked.extend(self.entries[entries].iter().map(|(_, frame)| *frame));
        }
        let start = bytes.len();
        append_in_order(&self.frames, &mut self.picked, bytes);
        parts.push(Part { range: start..bytes.len(), messages: self.picked.len(), kept: None });
        sets.insert(set.clone(), parts.len() - 1);
        parts.len() - 1
    }
}

impl Merged {
    fn forget(&mut self) {
        self.sets.clear();
        self.parts.clear();
        self.bytes.clear();
    }

    fn clear(&mut self) {
        self.forget();
        self.sets.shrink_to(1024);
        self.parts.shrink_to(1024);
    }
}

/// Appends frames in the order of their publications, each publication once: as the first of its channels that are
/// among them brings it. Of encodings that go by the channel, as each of them brings it.
fn append_in_order(frames: &ChannelFrames, picked: &mut Vec<u32>, bytes: &mut Vec<u8>) {
    picked.sort_unstable();
    picked.dedup_by(|later, earlier| {
        let (later, earlier) = (&frames.all()[*later as usize], &frames.all()[*earlier as usize]);
        later.seq == earlier.seq && !later.channel.encoding().repeats_by_channel()
    });
    picked.iter().for_each(|index| bytes.extend_from_slice(frames.bytes_of(&frames.all()[*index as usize])));
}
