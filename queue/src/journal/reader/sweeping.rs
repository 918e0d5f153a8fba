//! What is done now and then: asking which producers have ended, and whether the folder is still there.

use std::time::{Duration, Instant};

use super::JournalReader;
use super::segment::{Segment, State};
use crate::error::ScanError;
use crate::journal::SegmentName;

/// How often all locks are asked for while there is something to read.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);
/// So many segments are opened again for it.
const CLOSED_AT_A_SWEEP: usize = 32;
/// A producer turns to another segment before this one has 256 KiB. From this size on it is likely to have done so.
const FULL_SEGMENT_BYTES: u64 = 192 * 1024;

impl JournalReader {
    pub(super) fn sweep_if_due(&mut self) -> Result<(), ScanError> {
        let now = Instant::now();
        if now < self.sweep_due {
            return Ok(());
        }
        self.sweep_due = now + SWEEP_INTERVAL;
        if !self.has_folder() {
            self.needs_listing = true;
        }
        for name in self.take_due() {
            self.probe(name)?;
        }
        Ok(())
    }

    /// Those that are open. Of those that were closed for others some, in turns.
    fn take_due(&mut self) -> Vec<SegmentName> {
        let live = || self.segments.iter().filter(|(_, segment)| segment.state == State::Live);
        let names =
            |is_open: bool| live().filter(move |(_, segment)| segment.file.is_some() == is_open).map(|(name, _)| *name);
        let (mut swept, mut closed): (Vec<_>, Vec<_>) = (names(true).collect(), names(false).collect());
        closed.sort_unstable();
        let begin = closed.partition_point(|name| Some(*name) <= self.swept_to) % closed.len().max(1);
        closed.rotate_left(begin);
        closed.truncate(CLOSED_AT_A_SWEEP);
        self.swept_to = closed.last().copied();
        swept.extend(closed);
        swept
    }

    /// Asks for the lock of a segment that was read to its end, if its producer is likely to be done with it: when the
    /// end is reached for the first time, and when the segment is so large that the producer has another one.
    pub(super) fn probe_at_end(&mut self, name: SegmentName) -> Result<(), ScanError> {
        let is_full = |segment: &Segment| segment.ready().is_none() && segment.next() >= FULL_SEGMENT_BYTES;
        let is_likely = |segment: &mut Segment| segment.is_at_first_end() || is_full(segment);
        if self.segments.get_mut(&name).is_some_and(is_likely) { self.probe(name) } else { Ok(()) }
    }

    fn probe(&mut self, name: SegmentName) -> Result<(), ScanError> {
        let had = self.segments.get(&name).is_some_and(|segment| segment.ready().is_some());
        self.open_again(name)?;
        if self.segments.contains_key(&name) {
            self.with_segment(name, Segment::probe)?;
            if !had {
                self.place(name);
            }
        }
        Ok(())
    }
}
