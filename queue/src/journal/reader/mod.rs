//! The consumer's side of the journal: which segments there are, the records in them by time, and how far each is
//! acked.
//!
//! A record goes if its time is before the moment at which this round of reading began, or if it was visible in the
//! round before. Then everything that its producer wrote earlier, in whichever segment, is visible now. At the first
//! record that may not go the round of its lane ends.

mod acking;
mod by_name;
mod denied;
mod given_out;
mod listing;
mod segment;
mod sweeping;
mod taking;
mod window;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::positions::Positions;
use super::{RecordName, SegmentName};
use crate::descriptor::{UNTRUSTED_FILE, clear_of_standard};
use crate::entry_error::EntryError;
use crate::error::{OpenError, ScanError};
use crate::layout;
use crate::priority::LANES;
use crate::queued_at::{Now, QueuedAt};

use denied::Denied;
use segment::{LeftOut, Reading, Segment, State};
use window::Round;

pub use denied::DeniedSegments;
pub(crate) use taking::TakenRecord;

/// Segments that are open at once, if the process may open files enough. Others are opened again when there is something
/// to read.
const MAX_OPEN: u64 = 512;
const MIN_OPEN: u64 = 8;
/// Files that a process may have open for each segment that is open.
const FILES_FOR_EACH: u64 = 8;

/// The one consumer of a journal.
#[derive(Debug)]
pub(crate) struct JournalReader {
    queue: OwnedFd,
    path: PathBuf,
    /// `None`: it could not be made, and producers use the other form.
    folder: Option<OwnedFd>,
    max_event_bytes: u64,
    max_names: usize,
    /// Those that were opened, by name.
    segments: HashMap<SegmentName, Segment>,
    /// Those that nothing is to be read of yet: no record in them is older than their names.
    unopened: [BTreeSet<SegmentName>; LANES],
    /// The next record of each segment, by time.
    heads: [BinaryHeap<Reverse<(u64, SegmentName)>>; LANES],
    /// Reported to have changed.
    changed: Vec<SegmentName>,
    /// In which the search for the next record goes on in the next round.
    searching: Vec<SegmentName>,
    denied: Denied,
    looks_at_all: bool,
    needs_listing: bool,
    /// From this name on there may be others that are not held.
    unlisted_from: [Option<SegmentName>; LANES],
    /// The positions of the reader before, of segments that were not opened yet.
    begun_at: HashMap<SegmentName, u64>,
    positions: Positions,
    /// With acks that are not written to the positions.
    acked: Vec<SegmentName>,
    /// Records that could not be put aside.
    unrejectable: VecDeque<RecordName>,
    /// Those of them that are to be given out again.
    again: VecDeque<RecordName>,
    round: Round,
    began: QueuedAt,
    sweep_due: Instant,
    buffered: usize,
    open: usize,
    max_open: usize,
    /// Up to here segments that are closed for others were asked for their locks.
    swept_to: Option<SegmentName>,
    folder_missing_since: Option<Instant>,
    scratch: Vec<u8>,
    damage: Option<Damage>,
    /// Files that cannot be segments.
    strange: BTreeMap<SegmentName, EntryError>,
}

/// Bytes of the journal that are no records. They were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where the first of them were found.
    pub record: RecordName,
    /// How many there are.
    pub bytes: u64,
    /// In so many places.
    pub places: usize,
}

impl JournalReader {
    /// Opens the journal of a queue directory, and makes its folder if that is missing. Where that is impossible,
    /// on a full disk for example, it is tried again later.
    ///
    /// # Errors
    /// When the positions of the reader before or the folder cannot be read, or every user can write to the folder.
    pub(crate) fn open(
        queue: BorrowedFd<'_>,
        path: &Path,
        max_event_bytes: u64,
        max_names: usize,
    ) -> Result<JournalReader, OpenError> {
        let unreadable = |cause| OpenError::Io { doing: "read", path: path.join(layout::POSITIONS), cause };
        let queue = queue.try_clone_to_owned().map_err(unreadable)?;
        let begun_at = Positions::read(queue.as_fd()).map_err(unreadable)?;
        let mut reader = JournalReader {
            queue,
            path: path.join(layout::JOURNAL),
            folder: None,
            max_event_bytes,
            max_names,
            segments: HashMap::new(),
            unopened: Default::default(),
            heads: Default::default(),
            changed: Vec::new(),
            searching: Vec::new(),
            denied: Denied::default(),
            looks_at_all: false,
            needs_listing: true,
            unlisted_from: Default::default(),
            begun_at,
            positions: Positions::default(),
            acked: Vec::new(),
            unrejectable: VecDeque::new(),
            again: VecDeque::new(),
            round: Round::default(),
            began: QueuedAt::from_nanos(0),
            sweep_due: Instant::now(),
            buffered: 0,
            open: 0,
            max_open: max_open_segments(getrlimit(Resource::Nofile).current) as usize,
            swept_to: None,
            folder_missing_since: None,
            scratch: Vec::new(),
            damage: None,
            strange: BTreeMap::new(),
        };
        reader.make_folder();
        reader.open_folder().map_err(|errno| {
            let (doing, path) = ("read the journal", reader.path.clone());
            OpenError::Io { doing, path, cause: errno.into() }
        })?;
        if reader.is_open_to_all() {
            return Err(OpenError::WorldWritable(reader.path));
        }
        reader.begin_positions();
        Ok(reader)
    }

    /// The folder of the segments.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many segments were opened and are not deleted yet.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Begins a round. Everything that is reported later was written later, or is in the reports.
    pub(crate) fn begin_round(&mut self, began: QueuedAt) {
        self.began = began;
        self.round.0 += 1;
    }

    /// Notes that a file of the folder has appeared, or was written to.
    pub(crate) fn follow(&mut self, file: &OsStr) {
        self.changed.extend(SegmentName::of_file(file));
    }

    /// Notes that any segment may have got more.
    pub(crate) fn look_at_all(&mut self) {
        self.looks_at_all = true;
    }

    /// Notes that segments may have appeared that were not reported.
    pub(crate) fn lose_track(&mut self) {
        self.needs_listing = true;
    }

    /// Bytes that are no records and were found since the last call.
    pub(crate) fn take_damage(&mut self) -> Option<Damage> {
        self.damage.take()
    }

    /// Whether the search for a record is to go on in the next round.
    pub(crate) fn is_searching(&self) -> bool {
        !self.searching.is_empty()
    }

    /// Segments that may not be read, if there are any that were not reported yet.
    pub(crate) fn take_denied(&mut self) -> Option<DeniedSegments> {
        self.denied.take_new()
    }

    /// Files that cannot be segments and were found since the last call.
    pub(crate) fn take_strange(&mut self) -> BTreeMap<SegmentName, EntryError> {
        std::mem::take(&mut self.strange)
    }

    /// The folder, if there is one.
    pub(crate) fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Runs a step of a segment, and keeps the count of what all of them hold.
    fn with_segment<T>(
        &mut self,
        name: SegmentName,
        step: impl FnOnce(&mut Segment, &mut Reading<'_>) -> Result<T, Errno>,
    ) -> Result<T, ScanError> {
        let failed =
            |folder: &Path, errno: Errno| ScanError { path: folder.join(name.to_file_name()), cause: errno.into() };
        let Some(segment) = self.segments.get_mut(&name) else { return Err(failed(&self.path, Errno::NOENT)) };
        let (before, max_segment_bytes) = (segment.buffered(), listing::max_segment_bytes(self.max_event_bytes));
        let was_open = segment.file.is_some();
        let mut left_out = Vec::new();
        let mut reading = Reading {
            round: self.round,
            max_event_bytes: self.max_event_bytes,
            max_segment_bytes,
            scratch: &mut self.scratch,
            left_out: &mut left_out,
        };
        let result = step(segment, &mut reading);
        let is_searching = segment.is_searching();
        self.buffered = self.buffered + segment.buffered() - before;
        self.open -= usize::from(was_open && segment.file.is_none());
        if is_searching && !self.searching.contains(&name) {
            self.searching.push(name);
        }
        for LeftOut { offset, bytes, is_torn } in left_out {
            if !is_torn {
                let record = RecordName { segment: name, offset };
                let damage = self.damage.get_or_insert(Damage { record, bytes: 0, places: 0 });
                damage.bytes += bytes;
                damage.places += 1;
            }
        }
        result.map_err(|errno| failed(&self.path, errno))
    }

    fn open_file(&self, name: SegmentName) -> Result<OwnedFd, Errno> {
        let folder = self.folder.as_ref().ok_or(Errno::NOENT)?;
        rustix::fs::openat(folder, name.to_file_name(), UNTRUSTED_FILE, Mode::empty()).map(clear_of_standard)
    }

    fn forget(&mut self, name: SegmentName) {
        if let Some(segment) = self.segments.remove(&name) {
            self.buffered -= segment.buffered();
            self.open -= usize::from(segment.file.is_some());
        }
        self.positions.forget(name);
    }

    fn segment_path(&self, name: SegmentName) -> PathBuf {
        self.path.join(name.to_file_name())
    }

    fn is_live(&self, name: SegmentName) -> bool {
        self.segments.get(&name).is_some_and(|segment| segment.state == State::Live)
    }
}

/// How many segments a reader has open at once, at most, in a process that may have so many files open. `None`: as many
/// as it likes.
pub fn max_open_segments(files: Option<u64>) -> u64 {
    files.map_or(MAX_OPEN, |files| (files / FILES_FOR_EACH).clamp(MIN_OPEN, MAX_OPEN))
}

/// The time of a round that begins now.
pub(crate) fn round_begins() -> QueuedAt {
    Now::read().queued_at()
}
