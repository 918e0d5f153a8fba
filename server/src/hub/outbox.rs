//! What waits for one client alone: its handshake response, pongs, messages of the application, the close frame, and
//! publications of its channels that its socket did not take. Each part has its place in the log, so that the client's
//! stream is one sequence of whole frames.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Instant;

use bytes::Bytes;

use crate::hub::log::Position;
use crate::hub::undelivered::Ticket;
use crate::protocol::frames;

/// Replaceable bytes that may wait. Of more, only the last are kept.
const MAX_REPLACEABLE_BYTES: usize = 1024;
/// What a part costs beside its bytes: its place in the queue, and what the allocator needs for both.
const PART_OVERHEAD_BYTES: usize = size_of::<Part>() + 32;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    parts: VecDeque<Part>,
    bytes: usize,
    /// Of those, bytes that other outboxes hold as well.
    shared_bytes: usize,
    /// Bytes of replaceable parts that have not begun to be written.
    replaceable_bytes: usize,
}

/// Publications for one client.
#[derive(Debug)]
pub(super) struct Publications {
    /// Whole frames.
    pub(super) bytes: Bytes,
    /// So many of them were written.
    pub(super) written: usize,
    /// Whether other outboxes hold the same bytes.
    pub(super) is_shared: bool,
    /// Of the turn in which they came.
    pub(super) ticket: Ticket,
}

#[derive(Debug)]
struct Part {
    /// The frames of the log before this position go first.
    after: Position,
    bytes: Bytes,
    written: usize,
    is_shared: bool,
    /// If it holds publications of a turn.
    ticket: Option<Ticket>,
    /// Its frame's first bytes are out: nothing else may be written before the rest.
    begun: bool,
    /// A later part makes up for it, as pongs do.
    is_replaceable: bool,
}

impl Part {
    fn new(after: Position, bytes: impl Into<Box<[u8]>>) -> Part {
        let bytes = Bytes::from(bytes.into());
        Part { after, bytes, written: 0, is_shared: false, ticket: None, begun: false, is_replaceable: false }
    }
}

impl Outbox {
    /// Adds whole frames that go out when the log's frames before `after` have, and after all earlier parts of that
    /// place.
    pub(super) fn push(&mut self, after: Position, bytes: impl Into<Box<[u8]>>) {
        self.insert(Part::new(after, bytes));
    }

    /// Adds publications behind everything else.
    pub(super) fn push_publications(&mut self, publications: Publications) {
        let Publications { bytes, written, is_shared, ticket } = publications;
        let waiting = bytes.len() - written;
        self.bytes += waiting;
        self.shared_bytes += if is_shared { waiting } else { 0 };
        let (after, ticket) = (self.parts.back().map_or(0, |part| part.after), Some(ticket));
        let part = Part { after, bytes, written, is_shared, ticket, begun: written > 0, is_replaceable: false };
        self.parts.push_back(part);
    }

    /// Adds frames for which later ones make up. If too many wait, those before are dropped: a client that pings and
    /// does not read needs the last pong only (RFC 6455, section 5.5.3).
    pub(super) fn push_replaceable(&mut self, after: Position, bytes: impl Into<Box<[u8]>>) {
        let part = Part { is_replaceable: true, ..Part::new(after, bytes) };
        if self.replaceable_bytes + part.bytes.len() > MAX_REPLACEABLE_BYTES {
            self.parts.retain(|part| part.begun || !part.is_replaceable);
            self.count();
        }
        self.replaceable_bytes += part.bytes.len();
        self.insert(part);
    }

    /// Adds the rest of a frame of the log whose first bytes were written. Nothing else may wait.
    pub(super) fn push_rest(&mut self, after: Position, bytes: impl Into<Box<[u8]>>) {
        debug_assert!(self.parts.is_empty());
        self.insert(Part { begun: true, ..Part::new(after, bytes) });
    }

    fn insert(&mut self, part: Part) {
        self.bytes += part.bytes.len();
        let index = self.parts.partition_point(|earlier| earlier.after <= part.after);
        self.parts.insert(index, part);
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory that it takes, but for those that it shares with others.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes - self.shared_bytes + self.parts.len() * PART_OVERHEAD_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Since when the first publications wait, if the first part holds any.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.parts.front()?.ticket.as_ref().map(Ticket::time)
    }

    /// The bytes that come next, whatever their place. Returns how many slices there are.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let next = self.parts.iter().zip(slices);
        next.map(|(part, slice)| *slice = IoSlice::new(&part.bytes[part.written..])).count()
    }

    /// The position before which no more of the log may be written, and the bytes that come then.
    pub(super) fn next(&self) -> Option<(Position, &[u8])> {
        self.parts.front().map(|part| (part.after, &part.bytes[part.written..]))
    }

    /// Notes that so many of the next bytes were written.
    pub(super) fn advance(&mut self, mut written: usize) {
        while let Some(part) = self.parts.front_mut() {
            let of_part = written.min(part.bytes.len() - part.written);
            written -= of_part;
            part.written += of_part;
            if part.is_replaceable && !part.begun && of_part > 0 {
                self.replaceable_bytes -= part.bytes.len();
            }
            part.begun |= of_part > 0;
            self.bytes -= of_part;
            self.shared_bytes -= if part.is_shared { of_part } else { 0 };
            if part.written < part.bytes.len() {
                break;
            }
            self.parts.pop_front();
        }
        if self.parts.is_empty() {
            self.parts = VecDeque::new(); // Most clients never need it again.
        }
    }

    /// Tells whether a part has begun to be written: nothing else may be written before its rest.
    fn is_mid_part(&self) -> bool {
        self.parts.front().is_some_and(|part| part.begun)
    }

    /// Tells whether one part is left at most.
    pub(super) fn is_last(&self) -> bool {
        self.parts.len() <= 1
    }

    /// Drops what would go out later than at a place.
    pub(super) fn truncate_after(&mut self, place: Position) {
        self.parts.truncate(self.parts.partition_point(|part| part.after <= place));
        self.count();
    }

    /// Drops what has not begun to be written.
    pub(super) fn truncate_unwritten(&mut self) {
        self.parts.truncate(usize::from(self.is_mid_part()));
        if let Some(part) = self.parts.front_mut()
            && part.ticket.is_some()
        {
            // Of several frames, the rest of the one that has begun. It is a copy, so that neither the memory of the
            // others nor the delivery of their publications waits for a client that may never read it.
            let end = frames::boundary(&part.bytes, part.written);
            part.bytes = Bytes::copy_from_slice(&part.bytes[part.written..end]);
            (part.written, part.is_shared, part.ticket) = (0, false, None);
        }
        self.parts.retain(|part| part.written < part.bytes.len());
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.parts.iter().map(|part| part.bytes.len() - part.written).sum();
        let shared = self.parts.iter().filter(|part| part.is_shared);
        self.shared_bytes = shared.map(|part| part.bytes.len() - part.written).sum();
        let waits = |part: &&Part| part.is_replaceable && !part.begun;
        self.replaceable_bytes = self.parts.iter().filter(waits).map(|part| part.bytes.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::undelivered::Undelivered;
    use crate::publication::Seq;

    #[test]
    fn parts_go_out_by_place_then_by_age() {
        let mut outbox = Outbox::default();
        outbox.push(10, *b"b");
        outbox.push(20, *b"d");
        outbox.push(10, *b"c");
        outbox.push(5, *b"a");
        let mut order = Vec::new();
        while let Some((_, bytes)) = outbox.next() {
            order.extend_from_slice(bytes);
            outbox.advance(bytes.len());
        }
        assert_eq!(order, b"abcd");
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn what_comes_after_a_place_can_be_dropped() {
        let mut outbox = Outbox::default();
        outbox.push(10, *b"at the place");
        outbox.push(11, *b"after");
        outbox.truncate_after(10);
        assert_eq!(outbox.next(), Some((10, b"at the place".as_slice())));
        assert_eq!(outbox.len(), 12);
    }

    #[test]
    fn a_part_that_has_begun_is_never_dropped() {
        let mut outbox = Outbox::default();
        outbox.push(0, *b"begun");
        outbox.push(0, *b"waiting");
        outbox.advance(2);
        outbox.truncate_unwritten();
        assert_eq!(outbox.next(), Some((0, b"gun".as_slice())));
        assert_eq!(outbox.len(), 3);

        let mut outbox = Outbox::default();
        outbox.push_rest(7, *b"of the log's frame");
        outbox.push(7, *b"waiting");
        outbox.truncate_unwritten();
        assert_eq!(outbox.next(), Some((7, b"of the log's frame".as_slice())));
    }

    #[test]
    fn of_publications_the_rest_of_the_frame_that_has_begun_stays_and_nothing_waits_for_it() {
        let frames = [frames::encode_text("begun"), frames::encode_text("waiting")].concat();
        let mut undelivered = Undelivered::default();
        let ticket = undelivered.begin_turn(Seq(3), Instant::now());
        let bytes = undelivered.share(&frames);
        let mut outbox = Outbox::default();
        outbox.push_publications(Publications { bytes, written: 4, is_shared: true, ticket });
        outbox.truncate_unwritten();
        assert_eq!(outbox.next(), Some((0, b"gun".as_slice())));
        assert_eq!((outbox.len(), outbox.held_bytes()), (3, 3 + PART_OVERHEAD_BYTES));
        assert_eq!((undelivered.delivered(Seq(9)), undelivered.shared_bytes()), (Seq(9), 0));
        outbox.truncate_unwritten();
        assert_eq!(outbox.next(), Some((0, b"gun".as_slice())), "it has begun");
        // Nothing is left where a frame ends.
        let ticket = undelivered.begin_turn(Seq(9), Instant::now());
        let bytes = frames::encode_text("begun").into();
        let mut outbox = Outbox::default();
        outbox.push_publications(Publications { bytes, written: 0, is_shared: false, ticket });
        outbox.truncate_unwritten();
        assert!(outbox.is_empty() && outbox.held_bytes() == 0);
        assert_eq!(undelivered.delivered(Seq(9)), Seq(9));
    }
}
