//! Segments that the system does not let us read. They stay where they are and are opened again and again: a producer
//! makes a file before it sets its mode, and wrong rights may be corrected.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::journal::SegmentName;

/// For how long a segment may not be readable before that is reported.
const REPORT_TIME: Duration = Duration::from_secs(2);
/// For how long its producer may be about to set its mode: so long it is opened again in each round.
const MAKING_TIME: Duration = Duration::from_secs(1);
/// How often all others are opened again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// So many are known at once. Others are found again by the next listing.
const MAX_SEGMENTS: usize = 1_024;

/// Segments that the system does not let us read.
#[derive(Debug)]
pub struct DeniedSegments {
    /// One of them.
    pub segment: SegmentName,
    /// How many there are.
    pub files: usize,
    /// The error of the system.
    pub cause: io::Error,
}

/// Which ones may not be read.
#[derive(Debug, Default)]
pub(super) struct Denied {
    segments: BTreeMap<SegmentName, Denial>,
    retried: Option<Instant>,
}

#[derive(Debug)]
struct Denial {
    errno: Errno,
    since: Instant,
    is_reported: bool,
}

impl Denied {
    /// Notes one that could not be opened.
    pub(super) fn note(&mut self, name: SegmentName, errno: Errno) {
        let is_full = self.segments.len() >= MAX_SEGMENTS;
        match self.segments.get_mut(&name) {
            Some(denial) => denial.errno = errno,
            None if is_full => {}
            None => {
                self.segments.insert(name, Denial { errno, since: Instant::now(), is_reported: false });
            }
        }
    }

    /// Notes one that was opened, or is gone.
    pub(super) fn remove(&mut self, name: SegmentName) {
        self.segments.remove(&name);
    }

    /// Those that are to be opened again now.
    pub(super) fn due(&mut self) -> Vec<SegmentName> {
        let is_late = self.retried.is_none_or(|retried| retried.elapsed() >= RETRY_INTERVAL);
        if is_late {
            self.retried = Some(Instant::now());
        }
        let is_due = |denial: &Denial| is_late || denial.since.elapsed() < MAKING_TIME;
        self.segments.iter().filter(|(_, denial)| is_due(denial)).map(|(name, _)| *name).collect()
    }

    /// Those that are to be reported and were not.
    pub(super) fn take_new(&mut self) -> Option<DeniedSegments> {
        let mut found: Option<DeniedSegments> = None;
        for (segment, denial) in &mut self.segments {
            if denial.since.elapsed() >= REPORT_TIME && !std::mem::replace(&mut denial.is_reported, true) {
                let first = || DeniedSegments { segment: *segment, files: 0, cause: denial.errno.into() };
                found.get_or_insert_with(first).files += 1;
            }
        }
        found
    }
}
