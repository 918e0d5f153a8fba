//! The log: the encoded frames that clients still have to receive, contiguous in memory, so that a client's whole gap
//! is one slice and one write. Bounded; knows nothing of clients.

use std::collections::VecDeque;

use crate::publication::Seq;

/// A place in the stream of frames: how many bytes were appended before it. Never reused.
pub(super) type Position = u64;

#[derive(Debug)]
pub(crate) struct Log {
    /// The bytes from `base` on. Those before `tail` are dead and wait for the next compaction.
    bytes: Vec<u8>,
    base: Position,
    tail: Position,
    /// The publication whose frame ends at `tail`: the last that is not kept.
    released: Seq,
    /// Where the frame of each publication after that ends.
    ends: VecDeque<Position>,
    capacity: usize,
}

impl Log {
    /// An empty log that keeps at most `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Log {
        Log { bytes: Vec::new(), base: 0, tail: 0, released: Seq::default(), ends: VecDeque::new(), capacity }
    }

    /// Where the next frame will begin.
    pub(crate) fn head(&self) -> Position {
        self.base + self.bytes.len() as u64
    }

    /// The oldest byte that is kept.
    pub(super) fn tail(&self) -> Position {
        self.tail
    }

    /// Appends the frames of publications, which end at the given offsets.
    pub(crate) fn append(&mut self, frames: &[u8], ends: &[usize]) {
        self.compact();
        let base = self.head();
        self.bytes.extend_from_slice(frames);
        self.ends.extend(ends.iter().map(|end| base + *end as u64));
        debug_assert_eq!(self.ends.back().copied().unwrap_or(self.head()), self.head());
    }

    /// The position that the capacity no longer covers: a session that stands before it has fallen out.
    pub(crate) fn overflow(&self) -> Position {
        self.head().saturating_sub(self.capacity as u64).max(self.tail)
    }

    /// The last publication.
    pub(crate) fn last(&self) -> Seq {
        self.released.plus(self.ends.len())
    }

    /// The last publication whose frame ends at or before a position.
    pub(super) fn last_before(&self, position: Position) -> Seq {
        self.released.plus(self.ends.partition_point(|end| *end <= position))
    }

    /// Where the frame of a publication ends, which is kept or the last that is not.
    pub(super) fn end_of(&self, seq: Seq) -> Position {
        debug_assert!(self.released <= seq && seq <= self.last(), "{seq} of {} to {}", self.released, self.last());
        let kept = seq.0.saturating_sub(self.released.0) as usize;
        kept.checked_sub(1).map_or(self.tail, |index| self.ends.get(index).copied().unwrap_or(self.head()))
    }

    /// The frames between two positions, unless they are not kept any more.
    pub(crate) fn between(&self, from: Position, to: Position) -> Option<&[u8]> {
        let is_kept = self.tail <= from && from <= to && to <= self.head();
        debug_assert!(is_kept, "{from} to {to} of {} to {}", self.tail, self.head());
        is_kept.then(|| &self.bytes[(from - self.base) as usize..(to - self.base) as usize])
    }

    /// The first frame boundary at or after a position: only there may a client's own frames be inserted.
    pub(super) fn boundary(&self, position: Position) -> Position {
        debug_assert!(self.tail <= position && position <= self.head());
        if position <= self.tail {
            // The tail is a boundary, though its frame's end may be forgotten. A session that stands before it can only
            // end.
            return position;
        }
        let index = self.ends.partition_point(|end| *end < position);
        self.ends.get(index).copied().unwrap_or(position)
    }

    /// Forgets what lies before a position, which nobody needs any more. Whole frames only: the tail stays a boundary.
    pub(crate) fn release(&mut self, needed: Position) {
        while let Some(end) = self.ends.front().copied().filter(|end| *end <= needed) {
            self.ends.pop_front();
            self.released = self.released.plus(1);
            self.tail = end;
        }
        if self.tail == self.head() {
            self.base = self.tail;
            self.bytes.clear();
        }
    }

    /// Moves the live bytes to the front once they are fewer than the dead ones: each byte moves at most once on
    /// average.
    fn compact(&mut self) {
        let dead = (self.tail - self.base) as usize;
        if dead > self.bytes.len() / 2 {
            self.bytes.drain(..dead);
            self.base = self.tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(frames: &[&str]) -> Log {
        let mut log = Log::new(8);
        frames.iter().for_each(|frame| append(&mut log, frame));
        log
    }

    fn append(log: &mut Log, frame: &str) {
        log.append(frame.as_bytes(), &[frame.len()]);
    }

    #[test]
    fn a_gap_of_several_frames_is_one_slice() {
        let log = log_of(&["aa", "bbb", "c"]);
        assert_eq!(log.between(2, log.head()), Some(b"bbbc".as_slice()));
    }

    #[test]
    fn boundaries_are_the_ends_of_frames() {
        let log = log_of(&["aa", "bbb", "c"]);
        let boundaries: Vec<Position> = (0..=6).map(|position| log.boundary(position)).collect();
        assert_eq!(boundaries, [0, 2, 2, 5, 5, 5, 6]);
    }

    #[test]
    fn publications_are_found_by_the_ends_of_their_frames() {
        let mut log = log_of(&["aa", "bbb", "c"]);
        let expected = [0, 0, 1, 1, 1, 2, 3];
        for (position, seq) in (0..).zip(expected) {
            assert_eq!(log.last_before(position), Seq(seq), "{position}");
        }
        log.release(5);
        assert_eq!((log.last_before(5), log.last_before(6), log.last()), (Seq(2), Seq(3), Seq(3)));
        log.release(6);
        append(&mut log, "dd");
        assert_eq!((log.last_before(7), log.last()), (Seq(3), Seq(4)));
    }

    #[test]
    fn the_end_of_a_frame_is_found_by_its_publication_until_it_is_forgotten() {
        let mut log = log_of(&["aa", "bbb", "c"]);
        let ends = |log: &Log, seqs: &[u64]| seqs.iter().map(|seq| log.end_of(Seq(*seq))).collect::<Vec<_>>();
        assert_eq!(ends(&log, &[0, 1, 2, 3]), [0, 2, 5, 6]);
        log.release(2);
        assert_eq!(ends(&log, &[1, 2, 3]), [2, 5, 6]);
        log.release(6);
        log.append(b"ddee", &[2, 4]);
        assert_eq!(ends(&log, &[3, 4, 5]), [6, 8, 10]);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "0 to 6 of 2 to 6"))]
    fn what_is_not_kept_any_more_is_not_found() {
        let mut log = log_of(&["aa", "bbb", "c"]);
        log.release(2);
        assert_eq!(log.between(0, 6), None);
    }

    #[test]
    fn releasing_keeps_the_frame_that_somebody_stands_in() {
        let mut log = log_of(&["aa", "bbb", "c"]);
        log.release(3);
        assert_eq!(log.tail(), 2);
        assert_eq!(log.between(3, 6), Some(b"bbc".as_slice()));
        log.release(6);
        assert_eq!((log.tail(), log.head()), (6, 6));
    }

    #[test]
    fn positions_survive_compaction() {
        let mut log = log_of(&[]);
        for round in 0..100u64 {
            append(&mut log, &format!("{round:02}"));
            log.release(log.head().saturating_sub(5));
            let from = log.tail();
            assert!(from.is_multiple_of(2) && log.head() - from <= 6);
            assert_eq!(log.between(log.head() - 2, log.head()), Some(format!("{round:02}").as_bytes()));
            assert!(log.bytes.len() <= 16, "{}", log.bytes.len());
        }
    }

    #[test]
    fn overflow_is_what_the_capacity_does_not_cover() {
        let log = log_of(&["aaaa", "bbbb", "cc"]);
        assert_eq!(log.overflow(), 2);
        assert_eq!(log_of(&["a"]).overflow(), 0);
    }
}
