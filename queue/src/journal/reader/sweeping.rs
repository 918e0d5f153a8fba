//! What is done now and then: asking which producers have ended, and whether the folder is still there.

use std::time::{Duration, Instant};

use super::JournalReader;
use super::segment::Segment;
use crate::error::ScanError;
use crate::journal::SegmentName;

/// How often all locks are asked for while there is something to read.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);
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
        let live: Vec<SegmentName> = self.segments.keys().copied().filter(|name| self.is_live(*name)).collect();
        for name in live {
            self.probe(name)?;
        }
        Ok(())
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
            self.with(name, Segment::probe)?;
            if !had {
                self.place(name);
            }
        }
        Ok(())
    }
}
