//! One queue that a writer appends to: its open segments, a lane each, and who reads it.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Times;
use super::announced::Announced;
use super::segment::{Failure, SEGMENT_BYTES, Segment};
use crate::directory::Durability;
use crate::error::{AppendError, EnqueueError};
use crate::journal::RecordName;
use crate::layout;
use crate::priority::{LANES, Priority};
use crate::queued_at::Now;
use crate::record;

/// Where and when a record is appended.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) priority: Priority,
    pub(super) durability: Durability,
    pub(super) now: Now,
}

#[derive(Debug)]
pub(super) struct Queue {
    path: PathBuf,
    journal: PathBuf,
    announced: Announced,
    /// Those that are open, by lane.
    segments: [Option<Segment>; LANES],
}

impl Queue {
    pub(super) fn new(path: &Path) -> Queue {
        Queue {
            path: path.to_owned(),
            journal: path.join(layout::JOURNAL),
            announced: Announced::new(path),
            segments: Default::default(),
        }
    }

    pub(super) fn is_at(&self, path: &Path) -> bool {
        // Paths are compared part by part, which takes longer.
        self.path.as_os_str() == path.as_os_str()
    }

    fn segment(&mut self, priority: Priority) -> &mut Option<Segment> {
        &mut self.segments[priority.lane()]
    }

    /// Checks that the consumer reads journals: at once if no segment is open, and otherwise from time to time, because
    /// the next consumer may be an older version.
    pub(super) fn check(&mut self, place: Place) -> Result<(), AppendError> {
        if self.segment(place.priority).as_ref().is_some_and(|segment| !segment.is_check_due(place.now)) {
            return Ok(());
        }
        if !self.announced.ask(&self.path) {
            self.segments = Default::default();
            return Err(AppendError::NoReader);
        }
        Ok(())
    }

    /// Appends a record whose body is complete.
    pub(super) fn append(
        &mut self,
        record: &mut [u8],
        times: &mut Times,
        place: Place,
    ) -> Result<RecordName, AppendError> {
        let is_large = record.len() > SEGMENT_BYTES;
        // `check` has asked a moment ago if none is open.
        let was_asked = self.segment(place.priority).is_none();
        if !is_large && let Some(mut segment) = self.segment(place.priority).take() {
            if segment.takes(record.len(), place.now) {
                match self.append_to(&mut segment, record, times, place) {
                    Ok(name) => {
                        // If somebody has deleted it, the record is appended once more: repeated rather than lost.
                        if !segment.is_check_due(place.now) || segment.is_in_place(place.now) {
                            *self.segment(place.priority) = Some(segment);
                            return Ok(name);
                        }
                    }
                    Err(Failure::Unusable(_)) => {}
                    Err(Failure::Refused(errno)) => {
                        *self.segment(place.priority) = Some(segment);
                        return Err(AppendError::write(&self.journal, errno));
                    }
                    Err(Failure::NotSynced(errno)) => return Err(self.not_synced(errno)),
                }
            }
            // Before the next one is made: a segment that is closed can be read to its end.
            drop(segment);
        }
        if !was_asked && !self.announced.ask(&self.path) {
            return Err(AppendError::NoReader);
        }
        let mut segment = Segment::make(&self.journal, place.priority, place.now)?;
        match self.append_to(&mut segment, record, times, place) {
            Ok(name) => {
                if !is_large {
                    *self.segment(place.priority) = Some(segment);
                }
                Ok(name)
            }
            Err(failure) => {
                segment.discard();
                Err(match failure {
                    Failure::Unusable(errno) | Failure::Refused(errno) => AppendError::write(&self.journal, errno),
                    Failure::NotSynced(errno) => self.not_synced(errno),
                })
            }
        }
    }

    fn append_to(
        &self,
        segment: &mut Segment,
        record: &mut [u8],
        times: &mut Times,
        place: Place,
    ) -> Result<RecordName, Failure> {
        let name = segment.name();
        // JSON text has no such byte.
        record::finish(record, times.next(place.now, name)).map_err(|_| Failure::Refused(Errno::INVAL))?;
        let offset = segment.append(record, place.durability)?;
        Ok(RecordName { segment: name, offset })
    }

    /// The record was there for a moment, and may have been read. A file beside it would bring its events twice.
    fn not_synced(&self, errno: Errno) -> AppendError {
        EnqueueError::write(self.journal.clone(), errno.into()).into()
    }
}
