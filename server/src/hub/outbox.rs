//! What waits for one client alone: its handshake response, pongs, messages of the application, the close frame, and
//! publications of its channels that its socket did not take. Each part has its place in the log, so that the client's
//! stream is one sequence of whole frames.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::log::Position;
use crate::hub::run::{Piece, Run};

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

#[derive(Debug)]
struct Part {
    /// The frames of the log before this position go first.
    after: Position,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Frames for this client alone.
    Own {
        bytes: Box<[u8]>,
        written: usize,
        /// Its frame's first bytes are out: nothing else may be written before the rest.
        begun: bool,
        /// A later part makes up for it, as pongs do.
        is_replaceable: bool,
    },
    /// Publications.
    Publications(Run),
}

impl Part {
    fn new(after: Position, bytes: impl Into<Box<[u8]>>) -> Part {
        Part { after, content: Content::Own { bytes: bytes.into(), written: 0, begun: false, is_replaceable: false } }
    }

    /// Whether its first bytes are out.
    fn has_begun(&self) -> bool {
        match &self.content {
            Content::Own { begun, .. } => *begun,
            Content::Publications(run) => run.has_begun(),
        }
    }

    /// Bytes that wait, if it is replaceable and has not begun to be written.
    fn replaceable_bytes(&self) -> usize {
        match &self.content {
            Content::Own { bytes, begun: false, is_replaceable: true, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Bytes that wait.
    fn len(&self) -> usize {
        match &self.content {
            Content::Own { bytes, written, .. } => bytes.len() - written,
            Content::Publications(run) => run.len(),
        }
    }

    /// Bytes that wait and that other outboxes hold as well.
    fn shared_bytes(&self) -> usize {
        match &self.content {
            Content::Publications(run) if run.is_shared() => run.len(),
            _ => 0,
        }
    }

    /// The bytes that come next.
    fn front(&self) -> &[u8] {
        match &self.content {
            Content::Own { bytes, written, .. } => &bytes[*written..],
            Content::Publications(run) => {
                let (bytes, written) = run.front();
                &bytes[written..]
            }
        }
    }
}

impl Outbox {
    /// Adds whole frames that go out when the log's frames before `after` have, and after all earlier parts of that
    /// place.
    pub(super) fn push(&mut self, after: Position, bytes: impl Into<Box<[u8]>>) {
        self.insert(Part::new(after, bytes));
    }

    /// Adds publications after everything else. So many bytes of them were written.
    pub(super) fn push_publications(&mut self, piece: Arc<Piece>, written: usize) {
        let waiting = piece.len() - written;
        self.bytes += waiting;
        self.shared_bytes += if piece.is_shared() { waiting } else { 0 };
        if let Some(Part { content: Content::Publications(run), .. }) = self.parts.back_mut()
            && run.extend(&piece)
        {
            debug_assert_eq!(written, 0, "what waits goes first");
            return;
        }
        let after = self.parts.back().map_or(0, |part| part.after);
        self.parts.push_back(Part { after, content: Content::Publications(Run::new(piece, written)) });
    }

    /// Adds frames for which later ones make up. If too many wait, those before are dropped: a client that pings and
    /// does not read needs the last pong only (RFC 6455, section 5.5.3).
    pub(super) fn push_replaceable(&mut self, after: Position, bytes: impl Into<Box<[u8]>>) {
        let bytes = bytes.into();
        if self.replaceable_bytes + bytes.len() > MAX_REPLACEABLE_BYTES {
            self.parts.retain(|part| part.replaceable_bytes() == 0);
            self.count();
        }
        self.replaceable_bytes += bytes.len();
        let content = Content::Own { bytes, written: 0, begun: false, is_replaceable: true };
        self.insert(Part { after, content });
    }

    /// Adds the rest of a frame of the log whose first bytes were written. Nothing else may wait.
    pub(super) fn push_rest(&mut self, after: Position, bytes: impl Into<Box<[u8]>>) {
        debug_assert!(self.parts.is_empty());
        let content = Content::Own { bytes: bytes.into(), written: 0, begun: true, is_replaceable: false };
        self.insert(Part { after, content });
    }

    fn insert(&mut self, part: Part) {
        self.bytes += part.len();
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
        match &self.parts.front()?.content {
            Content::Publications(run) => Some(run.time()),
            Content::Own { .. } => None,
        }
    }

    /// The bytes that come next, whatever their place. Returns how many slices there are.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut count, most) = (0, slices.len());
        let mut add = |bytes: &'a [u8]| match slices.get_mut(count) {
            Some(slice) => {
                (*slice, count) = (IoSlice::new(bytes), count + 1);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        };
        for part in self.parts.iter().take(most) {
            match &part.content {
                Content::Own { bytes, written, .. } => _ = add(&bytes[*written..]),
                Content::Publications(run) => run.visit(&mut add),
            }
        }
        count
    }

    /// The position before which no more of the log may be written, and the bytes that come then.
    pub(super) fn next(&self) -> Option<(Position, &[u8])> {
        self.parts.front().map(|part| (part.after, part.front()))
    }

    /// Notes that so many of the next bytes were written.
    pub(super) fn advance(&mut self, mut left: usize) {
        while let Some(part) = self.parts.front_mut() {
            let replaceable_bytes = part.replaceable_bytes();
            let (of_part, is_all) = match &mut part.content {
                Content::Own { bytes, written, begun, .. } => {
                    let of_part = left.min(bytes.len() - *written);
                    *written += of_part;
                    *begun |= of_part > 0;
                    (of_part, *written == bytes.len())
                }
                Content::Publications(run) => {
                    let (of_part, is_all) = run.advance(left);
                    self.shared_bytes -= if run.is_shared() { of_part } else { 0 };
                    (of_part, is_all)
                }
            };
            self.replaceable_bytes -= if of_part > 0 { replaceable_bytes } else { 0 };
            self.bytes -= of_part;
            left -= of_part;
            if !is_all {
                break;
            }
            self.parts.pop_front();
        }
        if self.parts.is_empty() {
            self.parts = VecDeque::new(); // Most clients never need it again.
        }
    }

    /// Takes a copy of what it shares with others. The first piece of a row keeps all later ones in memory, also those
    /// that are not for this client any more.
    pub(super) fn unshare(&mut self) {
        for part in &mut self.parts {
            if let Content::Publications(run) = &mut part.content {
                run.unshare();
            }
        }
        self.count();
    }

    /// Tells whether a part has begun to be written: nothing else may be written before its rest.
    fn is_mid_part(&self) -> bool {
        self.parts.front().is_some_and(Part::has_begun)
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

    /// Drops what has not begun to be written. `boundary` tells where the first frame ends at or after an offset.
    pub(super) fn truncate_unwritten(&mut self, boundary: impl Fn(&[u8], usize) -> usize) {
        self.parts.truncate(usize::from(self.is_mid_part()));
        if let Some(part) = self.parts.front_mut()
            && let Content::Publications(run) = &part.content
        {
            // Of several frames, the rest of the one that has begun. It is a copy, so that neither the memory of the
            // others nor the delivery of their publications waits for a client that may never read it.
            let (bytes, written) = run.front();
            let bytes = bytes[written..boundary(bytes, written)].into();
            part.content = Content::Own { bytes, written: 0, begun: true, is_replaceable: false };
        }
        self.parts.retain(|part| part.len() > 0);
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.parts.iter().map(Part::len).sum();
        self.shared_bytes = self.parts.iter().map(Part::shared_bytes).sum();
        self.replaceable_bytes = self.parts.iter().map(Part::replaceable_bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::interest::ChannelKey;
    use crate::hub::undelivered::Undelivered;
    use crate::protocol::{frames, sse};
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
        outbox.truncate_unwritten(frames::boundary);
        assert_eq!(outbox.next(), Some((0, b"gun".as_slice())));
        assert_eq!(outbox.len(), 3);

        let mut outbox = Outbox::default();
        outbox.push_rest(7, *b"of the log's frame");
        outbox.push(7, *b"waiting");
        outbox.truncate_unwritten(frames::boundary);
        assert_eq!(outbox.next(), Some((7, b"of the log's frame".as_slice())));
    }

    #[test]
    fn of_publications_the_rest_of_the_frame_that_has_begun_stays_and_nothing_waits_for_it() {
        let frames = [frames::encode_text("begun"), frames::encode_text("waiting")].concat();
        let mut undelivered = Undelivered::default();
        let ticket = undelivered.begin_turn(Seq(3), Instant::now());
        let mut outbox = Outbox::default();
        outbox.push_publications(undelivered.share(&frames, ticket), 4);
        outbox.truncate_unwritten(frames::boundary);
        assert_eq!(outbox.next(), Some((0, b"gun".as_slice())));
        assert_eq!((outbox.len(), outbox.held_bytes()), (3, 3 + PART_OVERHEAD_BYTES));
        assert_eq!((undelivered.delivered(Seq(9)), undelivered.shared_bytes()), (Seq(9), 0));
        outbox.truncate_unwritten(frames::boundary);
        assert_eq!(outbox.next(), Some((0, b"gun".as_slice())), "it has begun");
        // Nothing is left where a frame ends.
        let ticket = undelivered.begin_turn(Seq(9), Instant::now());
        let mut outbox = Outbox::default();
        outbox.push_publications(Arc::new(Piece::own(&frames::encode_text("begun"), ticket)), 0);
        outbox.truncate_unwritten(frames::boundary);
        assert!(outbox.is_empty() && outbox.held_bytes() == 0);
        assert_eq!(undelivered.delivered(Seq(9)), Seq(9));
    }

    #[test]
    fn of_server_sent_events_the_rest_of_the_block_that_has_begun_stays() {
        let blocks = b"id: 1\ndata: a\ndata: b\n\nid: 2\ndata: c\n\n";
        for (written, rest) in [(1, &blocks[1..23]), (21, &blocks[21..23]), (22, &blocks[22..23]), (24, &blocks[24..])]
        {
            let mut undelivered = Undelivered::default();
            let ticket = undelivered.begin_turn(Seq(3), Instant::now());
            let mut outbox = Outbox::default();
            outbox.push_publications(undelivered.share(blocks, ticket), written);
            outbox.truncate_unwritten(sse::boundary);
            assert_eq!(outbox.next(), Some((0, rest)), "{written}");
        }
        let ticket = Undelivered::default().begin_turn(Seq(3), Instant::now());
        let mut outbox = Outbox::default();
        outbox.push_publications(Arc::new(Piece::own(blocks, ticket)), 23);
        outbox.truncate_unwritten(sse::boundary);
        assert!(outbox.is_empty(), "a block ends there");
    }

    #[test]
    fn what_waits_in_one_channel_takes_the_memory_of_one_part_and_goes_out_in_order() {
        let mut undelivered = Undelivered::default();
        let mut outbox = Outbox::default();
        for seq in 0..1000 {
            let ticket = undelivered.begin_turn(Seq(seq), Instant::now());
            outbox.push_publications(undelivered.share_in_channel(ChannelKey(1), b"0123456789", ticket), 0);
        }
        outbox.push(0, *b"end");
        assert_eq!((outbox.len(), outbox.held_bytes()), (10_003, 3 + 2 * PART_OVERHEAD_BYTES));
        assert_eq!((undelivered.delivered(Seq(1000)), undelivered.shared_bytes()), (Seq(0), 10_000));
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!((outbox.slices(&mut slices), &*slices[7]), (8, b"0123456789".as_slice()));
        outbox.advance(9_985);
        assert_eq!((undelivered.delivered(Seq(1000)), undelivered.shared_bytes()), (Seq(998), 20));
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(outbox.slices(&mut slices), 3);
        assert_eq!((&*slices[0], &*slices[2]), (b"56789".as_slice(), b"end".as_slice()));
        outbox.advance(18);
        assert!(outbox.is_empty() && outbox.held_bytes() == 0);
    }
}
