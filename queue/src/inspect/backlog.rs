//! How many entries wait in a queue, with how many events, and for how long.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use rustix::fs::Mode;

use crate::descriptor::DIRECTORY;
use crate::directory::{FileName, file};
use crate::event;
use crate::journal::{JournalFolder, SegmentName, Step};
use crate::layout;

/// The entries that wait in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many there are in both forms, including outstanding ones.
    pub entries: usize,
    /// How many of them are records of the journal.
    pub records: usize,
    /// How many events they hold: of an entry that is none, or of a newer version, one.
    pub events: usize,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
    /// Files that are no attempts at events. They stay where they are and do not count as waiting.
    pub other_files: usize,
    /// Segments of the journal, also those of which everything is acked.
    pub segments: usize,
    /// Their bytes.
    pub segment_bytes: u64,
    /// Bytes of the journal that are no records, and have records behind them.
    pub damaged_bytes: u64,
}

/// A segment that cannot be read counts as one entry.
const UNREADABLE: Counted = Counted { records: 1, events: 1, damaged_bytes: 0, oldest: None };

/// What waits in one segment.
#[derive(Default)]
struct Counted {
    records: usize,
    events: usize,
    damaged_bytes: u64,
    oldest: Option<SystemTime>,
}

impl Backlog {
    /// Counts them without owning the queue. Reads everything that waits. The limit is that of the reader.
    ///
    /// # Errors
    /// When the directory or the folder of the journal cannot be read.
    pub fn of(queue: &Path, max_event_bytes: u64) -> io::Result<Backlog> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty())?;
        let mut backlog = Backlog::default();
        let of_files = backlog.count_files(queue, directory.as_fd(), max_event_bytes)?;
        let of_records = backlog.count_records(directory.as_fd(), max_event_bytes)?;
        let oldest = of_files.into_iter().chain(of_records).min();
        backlog.oldest = oldest.map(|oldest| oldest.elapsed().unwrap_or_default());
        Ok(backlog)
    }

    fn count_files(
        &mut self,
        queue: &Path,
        directory: BorrowedFd<'_>,
        max_event_bytes: u64,
    ) -> io::Result<Option<SystemTime>> {
        let mut buffer = Vec::new();
        let mut oldest: Option<SystemTime> = None;
        for found in fs::read_dir(queue)? {
            let found = found?;
            if !layout::is_entry(&found.file_name()) {
                continue;
            }
            let Ok(modified) = found.metadata().and_then(|metadata| metadata.modified()) else { continue };
            let name = FileName::new(found.file_name());
            if !file::is_ours(directory, &name, max_event_bytes, &mut buffer) {
                self.other_files += 1;
                continue;
            }
            self.entries += 1;
            self.events += file::count_events(directory, &name, max_event_bytes, &mut buffer);
            oldest = Some(oldest.map_or(modified, |oldest| oldest.min(modified)));
        }
        Ok(oldest)
    }

    fn count_records(&mut self, directory: BorrowedFd<'_>, max_event_bytes: u64) -> io::Result<Option<SystemTime>> {
        let Some(journal) = JournalFolder::open(directory)? else { return Ok(None) };
        let mut oldest = None;
        for name in journal.names()? {
            let Some(stat) = journal.stat(name) else { continue };
            let size = stat.st_size.unsigned_abs();
            self.segments += 1;
            self.segment_bytes += size;
            if size <= journal.position(name) {
                continue;
            }
            let counted = count(&journal, name, max_event_bytes).unwrap_or(UNREADABLE);
            self.entries += counted.records;
            self.records += counted.records;
            self.events += counted.events;
            self.damaged_bytes += counted.damaged_bytes;
            oldest = oldest.into_iter().chain(counted.oldest).min();
        }
        Ok(oldest)
    }
}

fn count(journal: &JournalFolder, name: SegmentName, max_event_bytes: u64) -> io::Result<Counted> {
    let mut counted = Counted::default();
    let Some(mut walk) = journal.walk(name, journal.position(name), max_event_bytes)? else { return Ok(counted) };
    let mut buffer = Vec::new();
    loop {
        match walk.step(&mut buffer)? {
            Step::Record { queued_at, is_too_large, .. } => {
                let events = event::parse_lines(&buffer, max_event_bytes).ok().filter(|_| !is_too_large);
                counted.records += 1;
                counted.events += events.map_or(1, |events| events.len());
                counted.oldest.get_or_insert_with(|| queued_at.to_system());
            }
            Step::Damage(bytes) => counted.damaged_bytes += bytes,
            Step::End => return Ok(counted),
        }
    }
}
