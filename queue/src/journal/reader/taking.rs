//! The next record of each lane, by time.

use std::cmp::Reverse;

use super::JournalReader;
use super::segment::Body;
use crate::entry_error::EntryError;
use crate::error::ScanError;
use crate::event::{self, Event};
use crate::journal::{RecordName, SegmentName};
use crate::queued_at::QueuedAt;

/// Bytes of all segments that are read and not given out. Beyond, a record is read twice.
const MAX_BUFFERED: usize = 32 * 1024 * 1024;

/// What the next record of a lane is.
#[derive(Debug)]
pub(crate) enum TakenRecord {
    /// An entry.
    Entry { name: RecordName, queued_at: QueuedAt, events: Result<Vec<Event>, EntryError>, bytes: usize },
    /// Nothing: it was given out before, or its producer has taken it back.
    Skipped,
    /// It has to wait for the next round.
    Held,
}

impl JournalReader {
    /// When the next record of a lane was queued. Segments in which it may be are opened.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn first(&mut self, lane: usize) -> Result<Option<QueuedAt>, ScanError> {
        loop {
            let first = self.heads[lane].peek().map(|Reverse((time, _))| QueuedAt::from_nanos(*time));
            match self.unopened[lane].first().copied() {
                Some(name) if first.is_none_or(|first| name.earliest() <= first) => {
                    self.read_new(name)?;
                    self.unopened[lane].remove(&name);
                }
                _ if self.list_left_out(lane, first)? => {}
                _ => return Ok(first),
            }
        }
    }

    /// Takes the next record of a lane.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn take(&mut self, lane: usize) -> Result<TakenRecord, ScanError> {
        let Some(Reverse((time, name))) = self.heads[lane].peek().copied() else { return Ok(TakenRecord::Skipped) };
        let segment = self.segments.get(&name);
        let Some((segment, ready)) = segment.and_then(|segment| Some((segment, segment.ready()?))) else {
            self.heads[lane].pop();
            return Ok(TakenRecord::Skipped);
        };
        let queued_at = QueuedAt::from_nanos(time);
        if queued_at >= self.began && !segment.is_seen(ready, self.round) {
            return Ok(TakenRecord::Held);
        }
        let (is_closed, is_early) = (segment.is_closed(), segment.is_early());
        if is_closed {
            self.open_again(name)?;
            if !self.segments.contains_key(&name) {
                return Ok(TakenRecord::Skipped);
            }
        }
        if is_early {
            // Its ack counts from now on.
            self.acked.push(name);
        }
        let max_event_bytes = self.max_event_bytes;
        // In one step, because each costs a look into the map of the segments.
        let (taken, next) = self.with_segment(name, |segment, reading| {
            let taken = match segment.take(reading)? {
                Some((offset, Body::Whole(body))) if !is_early => {
                    let events = event::parse_lines(body, max_event_bytes);
                    TakenRecord::Entry {
                        name: RecordName { segment: name, offset },
                        queued_at,
                        events,
                        bytes: body.len(),
                    }
                }
                Some((offset, Body::TooLarge(size))) => {
                    let events = Err(EntryError::TooLarge { size, limit: max_event_bytes });
                    TakenRecord::Entry { name: RecordName { segment: name, offset }, queued_at, events, bytes: 0 }
                }
                _ => TakenRecord::Skipped,
            };
            Ok((taken, segment.find(reading).map(|()| segment.ready())))
        })?;
        match next {
            Ok(Some(ready)) => {
                if let Some(mut head) = self.heads[lane].peek_mut() {
                    *head = Reverse((ready.time, name));
                }
                self.bound_memory(name);
            }
            Ok(None) => {
                self.heads[lane].pop();
                // What was taken is given out, also if its segment cannot be read further.
                if self.note_end(name).is_err() {
                    self.changed.push(name);
                }
            }
            Err(_) => {
                self.heads[lane].pop();
                self.changed.push(name);
            }
        }
        Ok(taken)
    }

    /// Looks for the next record of a segment, and puts it in its place among the others.
    pub(super) fn find_next(&mut self, name: SegmentName) -> Result<(), ScanError> {
        let had = self.segments.get(&name).is_some_and(|segment| segment.ready().is_some());
        if had {
            return Ok(());
        }
        self.open_again(name)?;
        if !self.segments.contains_key(&name) {
            return Ok(());
        }
        if self.with_segment(name, |segment, reading| segment.find(reading).map(|()| segment.ready()))?.is_some() {
            self.place(name);
            return Ok(());
        }
        self.note_end(name)
    }

    /// Notes that all complete records of a segment were given out.
    fn note_end(&mut self, name: SegmentName) -> Result<(), ScanError> {
        self.place(name);
        self.probe_at_end(name)
    }

    /// Drops what was read of a segment, if all of them together hold too much.
    fn bound_memory(&mut self, name: SegmentName) {
        if self.buffered > MAX_BUFFERED
            && let Some(segment) = self.segments.get_mut(&name)
        {
            self.buffered -= segment.buffered();
            segment.give_back_memory();
        }
    }

    pub(super) fn place(&mut self, name: SegmentName) {
        let Some(segment) = self.segments.get(&name) else { return };
        if let Some(ready) = segment.ready() {
            self.heads[name.priority().lane()].push(Reverse((ready.time, name)));
            self.bound_memory(name);
        } else if segment.is_done() {
            // Everything in it was acked by an earlier process, or there was nothing.
            self.acked.push(name);
        }
    }
}
