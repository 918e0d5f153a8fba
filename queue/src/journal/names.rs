//! The names of segments and of the records in them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use rustix::fs::Dir;
use rustix::io::Errno;
use thiserror::Error;

use crate::layout;
use crate::priority::Priority;
use crate::queued_at::{Now, QueuedAt};
use crate::uid::Uid;

/// The file name of a segment: a UUIDv7 of the moment when it was made, not after the time of its first record, and a
/// suffix that says in which lane its records wait. Names sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    uid: Uid,
    priority: Priority,
}

impl SegmentName {
    /// A new name, which no other segment has.
    pub(crate) fn at(now: Now, priority: Priority) -> SegmentName {
        SegmentName { uid: Uid::at(now), priority }
    }

    /// The segment of this uid in a lane.
    pub(crate) fn new(uid: Uid, priority: Priority) -> SegmentName {
        SegmentName { uid, priority }
    }

    /// Reads the name of a file. `None`: a file of this name is no segment.
    pub(crate) fn of_file(name: &OsStr) -> Option<SegmentName> {
        let name = name.to_str()?;
        let stem = |(suffix, priority): &(&str, Priority)| Some((name.strip_suffix(suffix)?, *priority));
        let (stem, priority) = layout::SEGMENT_SUFFIXES.iter().find_map(stem)?;
        let uid: Uid = stem.parse().ok()?;
        let segment = SegmentName { uid, priority };
        // Digits in capitals would be a second name of the same segment.
        (uid.is_by_time() && segment.to_string() == name).then_some(segment)
    }

    /// Those of all segments in a folder, in no order.
    pub(crate) fn all_in(folder: BorrowedFd<'_>) -> Result<Vec<SegmentName>, Errno> {
        let mut names = Vec::new();
        for file in Dir::read_from(folder)? {
            names.extend(SegmentName::of_file(OsStr::from_bytes(file?.file_name().to_bytes())));
        }
        Ok(names)
    }

    /// The name of the file.
    pub fn to_file_name(self) -> OsString {
        self.to_string().into()
    }

    /// The uid in the name.
    pub(crate) fn uid(self) -> Uid {
        self.uid
    }

    /// The lane that its records wait in.
    pub fn priority(self) -> Priority {
        self.priority
    }

    /// No record in it has an earlier time.
    pub(crate) fn earliest(self) -> QueuedAt {
        self.uid.earliest()
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each priority has a suffix.
        let suffix = layout::SEGMENT_SUFFIXES.iter().find(|(_, priority)| *priority == self.priority);
        write!(formatter, "{}{}", self.uid, suffix.map_or("", |(suffix, _)| suffix))
    }
}

/// Which record of the journal: its segment, and where it begins there, in bytes. As text, `<segment>@<offset>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    /// The segment that it is in.
    pub segment: SegmentName,
    /// Bytes before it in the segment.
    pub offset: u64,
}

impl fmt::Display for RecordName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}{}", self.segment, layout::AT_OFFSET, self.offset)
    }
}

/// The text is not the name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the name of a record of the journal: a segment, @ and an offset in bytes")]
pub struct InvalidRecordName;

impl FromStr for RecordName {
    type Err = InvalidRecordName;

    fn from_str(text: &str) -> Result<RecordName, InvalidRecordName> {
        let (segment, offset) = text.split_once(layout::AT_OFFSET).ok_or(InvalidRecordName)?;
        let segment = SegmentName::of_file(OsStr::new(segment)).ok_or(InvalidRecordName)?;
        // The standard library's parser also takes a sign.
        let is_number = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
        let offset = offset.parse().ok().filter(|_| is_number).ok_or(InvalidRecordName)?;
        Ok(RecordName { segment, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for priority in [Priority::High, Priority::Normal, Priority::Low] {
            let segment = SegmentName::at(Now::read(), priority);
            assert_eq!(SegmentName::of_file(&segment.to_file_name()), Some(segment));
            let record = RecordName { segment, offset: 4096 };
            assert_eq!(record.to_string().parse(), Ok(record));
        }
    }

    #[test]
    fn other_names_are_none_of_segments() {
        let good = SegmentName::at(Now::read(), Priority::Normal).to_string();
        let uid = good.trim_end_matches(".seg");
        let version_4 = "6f2c1e0a-5c1b-4f6e-9a8e-2f7f0d0f8a11.seg";
        for name in [&good.to_uppercase(), uid, ".seg", &format!("{uid}.other.seg"), &format!(".{good}"), version_4] {
            assert_eq!(SegmentName::of_file(OsStr::new(name)), None, "{name}");
        }
        for record in ["", "@1", &good, &format!("{good}@"), &format!("{good}@+1"), &format!("{good}@-1")] {
            assert_eq!(record.parse::<RecordName>(), Err(InvalidRecordName), "{record}");
        }
    }

    #[test]
    fn the_time_in_a_name_is_not_after_the_time_that_it_was_made_at() {
        let now = Now::read();
        let earliest = SegmentName::at(now, Priority::Low).earliest();
        // Of two names of one moment the later one may be ahead by the smallest step.
        assert!(earliest.nanos() <= now.queued_at().nanos() + 1_000, "{earliest:?} is after {:?}", now.queued_at());
    }
}
