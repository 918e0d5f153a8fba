//! One entry of the directory: the name of its file, and the events in it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use thiserror::Error;

use crate::entry_error::EntryError;
use crate::event::{self, Event};
use crate::journal::{RecordName, SegmentName};
use crate::layout::{self, Form};
use crate::printable::shown;
use crate::queued_at::{Now, QueuedAt};
use crate::uid::Uid;

/// The file name of an entry, and in the failed folder that of a segment too. Names that our producer makes sort in the
/// order of queueing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(OsString);

impl FileName {
    pub(crate) fn new(name: impl Into<OsString>) -> FileName {
        FileName(name.into())
    }

    /// The name for an entry of this form that is queued now.
    pub(super) fn at(now: Now, form: Form) -> FileName {
        FileName(layout::new_entry_name(now, form))
    }

    /// The name of the file that a record of the journal becomes, which is always the same: a UUIDv7 with the time in
    /// the name of its segment.
    pub(crate) fn of_record(record: RecordName) -> FileName {
        let uid = Uid::of_part(record.segment.uid(), record.offset);
        FileName(layout::entry_name(uid, Form::Lines(record.segment.priority())))
    }

    /// What such an entry holds.
    pub(crate) fn form(&self) -> Form {
        // Any other name is that of an entry of one event.
        layout::form(&self.0).unwrap_or(Form::Event)
    }

    /// When the entry was queued, if our producer made the name. Those of other producers do not say it.
    pub fn queued_at(&self) -> Option<SystemTime> {
        layout::queued_at(&self.0).map(QueuedAt::to_system)
    }

    /// The file name, without its directory.
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

impl FileName {
    /// Reads the name of a file in the failed folder: of an entry, or of a segment of the journal. That of a record is
    /// the file that it became there: the log and `queue dump` call it so.
    ///
    /// # Errors
    /// When it can be neither.
    pub fn of_failed(name: &str) -> Result<FileName, InvalidFailedName> {
        let is_segment = SegmentName::of_file(OsStr::new(name)).is_some();
        if is_segment {
            return Ok(FileName(name.into()));
        }
        match name.parse() {
            Ok(record) => Ok(FileName::of_record(record)),
            Err(_) => name.parse().map_err(|_| InvalidFailedName),
        }
    }

    /// Whether it is the name of a segment of the journal.
    pub(super) fn is_segment(&self) -> bool {
        SegmentName::of_file(&self.0).is_some()
    }
}

impl FromStr for FileName {
    type Err = InvalidFileName;

    fn from_str(name: &str) -> Result<FileName, InvalidFileName> {
        FileName::try_from(OsString::from(name))
    }
}

impl TryFrom<OsString> for FileName {
    type Error = InvalidFileName;

    fn try_from(name: OsString) -> Result<FileName, InvalidFileName> {
        let is_plain = layout::is_entry(&name) && !name.as_encoded_bytes().contains(&b'/');
        is_plain.then_some(FileName(name)).ok_or(InvalidFileName)
    }
}

/// The text cannot be the name of an entry.
#[derive(Debug, Error)]
#[error("not the name of an entry: it ends in .json or .events and has no slash")]
pub struct InvalidFileName;

/// The text cannot be the name of a failed entry.
#[derive(Debug, Error)]
#[error(
    "not the name of an entry: it ends in .json, .events or .seg, or it is a record such as <segment>.seg@64, and has no \
     slash; failed list shows the names"
)]
pub struct InvalidFailedName;

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0).fmt(formatter)
    }
}

/// A file that was found.
#[derive(Debug)]
pub(crate) struct FileEntry {
    pub(crate) name: FileName,
    pub(crate) events: Result<Vec<Event>, EntryError>,
    /// Bytes of its content.
    pub(crate) bytes: usize,
}

/// Reads the events of an entry. `written` is when its file was last written: it is part of the uid of an event without
/// a uid and a time of its own.
///
/// # Errors
/// The reason why the content is no event, in words for the operator.
pub fn parse_entry(
    name: &FileName,
    content: &[u8],
    written: Option<SystemTime>,
    max_event_bytes: u64,
) -> Result<Vec<Event>, EntryError> {
    match name.form() {
        Form::Lines(_) if layout::queued_at(&name.0).is_none() => Err(EntryError::NotNamedByTime),
        Form::Lines(_) => event::parse_lines(content, max_event_bytes),
        Form::Event => {
            let of_name = |queued_at: Option<QueuedAt>| {
                let time = queued_at.or(written.map(QueuedAt::from_system)).unwrap_or(QueuedAt::from_nanos(0));
                Uid::of_entry(name.0.as_encoded_bytes(), time)
            };
            let uid = |queued_at| layout::uid(&name.0).unwrap_or_else(|| of_name(queued_at));
            Event::of_entry(content, uid).map(|event| vec![event])
        }
    }
}
