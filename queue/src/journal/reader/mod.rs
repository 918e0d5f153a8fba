//! The consumer's side of the journal: which segments there are, the records in them by time, and how far each is
//! acked.
//!
//! A record goes if its time is before the moment at which this round of reading began, or if it was visible in the
//! round before. Then everything that its producer wrote earlier, in whichever segment, is visible now. At the first
//! record that may not go the round of its lane ends.

mod listing;
pub(super) mod resync;
mod segment;
mod sweeping;
mod window;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{AtFlags, Mode, SeekFrom};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::positions::Positions;
use super::{RecordName, SegmentName};
use crate::descriptor::{UNTRUSTED_FILE, clear_of_standard};
use crate::entry_error::EntryError;
use crate::error::{AckError, OpenError, ScanError};
use crate::event::{self, Event};
use crate::layout;
use crate::queued_at::{Now, QueuedAt};
use crate::reader::lanes::{LANES, lane_of};
use crate::record::{HEAD_BYTES, Head};

use segment::{Body, LeftOut, Reading, Segment, State};
use window::Round;

/// Segments that are open at once, if the process may open files enough. Others are opened again when there is something
/// to read.
const MAX_OPEN: u64 = 512;
const MIN_OPEN: u64 = 8;
/// Files that a process may have open for each segment that is open.
const FILES_FOR_EACH: u64 = 8;
/// Bytes of all segments that are read and not given out. Beyond, a record is read twice.
const MAX_BUFFERED: usize = 32 * 1024 * 1024;

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
    looks_at_all: bool,
    needs_listing: bool,
    /// From this name on there may be others that are not held.
    unlisted_from: [Option<SegmentName>; LANES],
    /// The positions of the reader before, of segments that were not opened yet.
    begun_at: HashMap<crate::Uid, u64>,
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

/// What the next record of a lane is.
#[derive(Debug)]
pub(crate) enum TakenRecord {
    /// An entry.
    Entry { name: RecordName, queued_at: QueuedAt, events: Result<Vec<Event>, EntryError>, bytes: usize },
    /// It was given out before.
    Skipped,
    /// It has to wait for the next round.
    Held,
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

    /// How many segments may get more records.
    pub(crate) fn live_segments(&self) -> usize {
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
        let (taken, next) = self.with(name, |segment, reading| {
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

    /// Takes the next of those that could not be put aside and are to be tried again.
    pub(crate) fn take_again(&mut self) -> Option<(RecordName, Result<Vec<Event>, EntryError>)> {
        let name = self.again.pop_front()?;
        let size = || self.body_of(name).ok().flatten().map_or(0, |body| body.limit());
        let too_large = || EntryError::TooLarge { size: size(), limit: self.max_event_bytes };
        let read = self.read_record(name).ok().flatten();
        let events = read.map_or_else(|| Err(too_large()), |record| event::parse_lines(&record, self.max_event_bytes));
        Some((name, events))
    }

    /// Reads a record by its name. It is outstanding then. `None`: it is acked, or there is no such record.
    ///
    /// # Errors
    /// When its segment cannot be read.
    pub(crate) fn look_up(&mut self, name: RecordName) -> Result<Option<Vec<Event>>, ScanError> {
        if !self.segments.contains_key(&name.segment) {
            self.read_new(name.segment)?;
            self.unopened[lane_of(name.segment.priority())].remove(&name.segment);
        }
        let Some(segment) = self.segments.get(&name.segment) else { return Ok(None) };
        let is_given_out = name.offset < segment.next();
        if is_given_out && !segment.is_outstanding(name.offset) || segment.is_acked_early(name.offset) {
            return Ok(None);
        }
        let Some(record) = self.read_record(name)? else { return Ok(None) };
        let Ok(events) = event::parse_lines(&record, self.max_event_bytes) else { return Ok(None) };
        if let Some(segment) = self.segments.get_mut(&name.segment).filter(|_| !is_given_out) {
            segment.take_early(name.offset);
        }
        Ok(Some(events))
    }

    /// Lets a record that was looked up be found in its turn.
    pub(crate) fn put_back(&mut self, name: RecordName) {
        if let Some(segment) = self.segments.get_mut(&name.segment) {
            segment.put_back(name.offset);
        }
    }

    /// Acks a record. It is forgotten for good when the acks are [committed](Self::commit_acks).
    pub(crate) fn ack(&mut self, name: RecordName) {
        let Some(segment) = self.segments.get_mut(&name.segment) else { return };
        if segment.ack(name.offset) && self.acked.last() != Some(&name.segment) {
            self.acked.push(name.segment);
        }
    }

    /// Writes down how far each segment is acked, and deletes those of which nothing is left.
    ///
    /// # Errors
    /// When a segment cannot be deleted. The others are dealt with all the same.
    pub(crate) fn commit_acks(&mut self) -> Result<(), AckError> {
        if self.acked.is_empty() {
            return Ok(());
        }
        let mut acked = std::mem::take(&mut self.acked);
        acked.sort_unstable();
        acked.dedup();
        let mut refused = None;
        for name in acked {
            let Some(segment) = self.segments.get(&name) else { continue };
            if segment.is_done() {
                if let Err(errno) = self.delete(name) {
                    refused.get_or_insert(AckError { path: self.segment_path(name), cause: errno.into() });
                    self.acked.push(name);
                }
            } else if self.positions.write(name, segment.position()).is_err() {
                // On a full disk, for example. A segment that is deleted makes room, and what is acked is at worst sent
                // again.
                self.acked.push(name);
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// The body of a record, to be read piece by piece. `None`: its segment is gone.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn body_of(&self, name: RecordName) -> Result<Option<io::Take<File>>, Errno> {
        let file = match self.open_file(name.segment) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let mut head = [0; HEAD_BYTES];
        let read = rustix::io::pread(&file, &mut head, name.offset)?;
        let Some(head) = Head::parse(&head).filter(|_| read == HEAD_BYTES) else { return Ok(None) };
        rustix::fs::seek(&file, SeekFrom::Start(name.offset + HEAD_BYTES as u64))?;
        Ok(Some(File::from(file).take(head.body_bytes as u64)))
    }

    /// Leaves a record that cannot be put aside. It stays outstanding.
    pub(crate) fn leave_unrejectable(&mut self, name: RecordName) {
        self.unrejectable.push_back(name);
    }

    /// Gives out some of them again.
    pub(crate) fn retry_unrejectable(&mut self, count: usize) {
        let count = count.min(self.unrejectable.len());
        self.again.extend(self.unrejectable.drain(..count));
    }

    /// Whether there are any.
    pub(crate) fn has_unrejectable(&self) -> bool {
        !self.unrejectable.is_empty()
    }

    /// Bytes that are no records and were found since the last call.
    pub(crate) fn take_damage(&mut self) -> Option<Damage> {
        self.damage.take()
    }

    /// Files that cannot be segments and were found since the last call.
    pub(crate) fn take_strange(&mut self) -> BTreeMap<SegmentName, EntryError> {
        std::mem::take(&mut self.strange)
    }

    /// The folder, if there is one.
    pub(crate) fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Waits until the acks that were committed stay so, also when the power fails.
    pub(crate) fn sync(&self) -> Result<(), Errno> {
        self.positions.sync()?;
        self.folder.as_ref().map_or(Ok(()), rustix::fs::fsync)
    }

    /// Runs a step of a segment, and keeps the count of what all of them hold.
    fn with<T>(
        &mut self,
        name: SegmentName,
        step: impl FnOnce(&mut Segment, &mut Reading<'_>) -> Result<T, Errno>,
    ) -> Result<T, ScanError> {
        let failed =
            |folder: &Path, errno: Errno| ScanError { path: folder.join(name.to_file_name()), cause: errno.into() };
        let Some(segment) = self.segments.get_mut(&name) else { return Err(failed(&self.path, Errno::NOENT)) };
        let before = segment.buffered();
        let was_open = segment.file.is_some();
        let mut left_out = Vec::new();
        let mut reading = Reading {
            round: self.round,
            max_event_bytes: self.max_event_bytes,
            scratch: &mut self.scratch,
            left_out: &mut left_out,
        };
        let result = step(segment, &mut reading);
        self.buffered = self.buffered + segment.buffered() - before;
        self.open -= usize::from(was_open && segment.file.is_none());
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

    /// Looks for the next record of a segment, and puts it in its place among the others.
    fn find_next(&mut self, name: SegmentName) -> Result<(), ScanError> {
        let had = self.segments.get(&name).is_some_and(|segment| segment.ready().is_some());
        if had {
            return Ok(());
        }
        self.open_again(name)?;
        if !self.segments.contains_key(&name) {
            return Ok(());
        }
        if self.with(name, |segment, reading| segment.find(reading).map(|()| segment.ready()))?.is_some() {
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

    fn place(&mut self, name: SegmentName) {
        let Some(segment) = self.segments.get(&name) else { return };
        if let Some(ready) = segment.ready() {
            self.heads[lane_of(name.priority())].push(Reverse((ready.time, name)));
            self.bound_memory(name);
        } else if segment.is_done() {
            // Everything in it was acked by an earlier process, or there was nothing.
            self.acked.push(name);
        }
    }

    fn read_record(&self, name: RecordName) -> Result<Option<Vec<u8>>, ScanError> {
        let unreadable = |errno: Errno| ScanError { path: self.segment_path(name.segment), cause: errno.into() };
        match self.open_file(name.segment) {
            Ok(file) => segment::read_record(file.as_fd(), name.offset, self.max_event_bytes).map_err(unreadable),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(unreadable(errno)),
        }
    }

    fn open_file(&self, name: SegmentName) -> Result<OwnedFd, Errno> {
        let folder = self.folder.as_ref().ok_or(Errno::NOENT)?;
        rustix::fs::openat(folder, name.to_file_name(), UNTRUSTED_FILE, Mode::empty()).map(clear_of_standard)
    }

    fn delete(&mut self, name: SegmentName) -> Result<(), Errno> {
        if let Some(folder) = &self.folder {
            match rustix::fs::unlinkat(folder, name.to_file_name(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.forget(name);
        Ok(())
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
