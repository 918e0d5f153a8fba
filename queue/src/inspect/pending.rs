//! How many events wait in a queue, and for how long, as somebody asks who asks every few seconds: most of it comes from
//! names and sizes.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use rustix::fs::Mode;

use crate::descriptor::DIRECTORY;
use crate::directory::{FileName, file};
use crate::journal::{JournalFolder, SegmentName, Step};
use crate::layout::{self, Form};
use crate::queued_at::{Now, QueuedAt};
use crate::record::HEAD_BYTES;

/// Files, and records of the journal, that are read to count the events in them. More are taken to hold as many on
/// average.
const MAX_READ: u64 = 1_000;
/// Bytes of records that are read for that.
const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;
/// Segments that are looked at. More are taken to hold as much on average.
const MAX_SEGMENTS: usize = 2_000;

/// The events that wait in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many there are, including those that are being delivered: of an entry that is none, one.
    pub events: u64,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
}

impl Pending {
    /// Counts them without owning the queue. The limit is that of the reader.
    ///
    /// # Errors
    /// When the directory or the folder of the journal cannot be read.
    pub fn of(queue: &Path, max_event_bytes: u64) -> io::Result<Pending> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty())?;
        let (in_files, oldest_file) = in_files(queue, directory.as_fd(), max_event_bytes)?;
        let mut in_journal = InJournal::default();
        if let Some(journal) = JournalFolder::open(directory.as_fd())? {
            in_journal.count(&journal, max_event_bytes)?;
        }
        let now = Now::read().queued_at().nanos();
        let oldest = oldest_file.into_iter().chain(in_journal.oldest).min();
        let oldest = oldest.map(|oldest| Duration::from_nanos(now.saturating_sub(oldest.nanos())));
        Ok(Pending { events: in_files + in_journal.events(), oldest })
    }
}

fn in_files(queue: &Path, directory: BorrowedFd<'_>, max_event_bytes: u64) -> io::Result<(u64, Option<QueuedAt>)> {
    let mut buffer = Vec::new();
    let mut oldest: Option<QueuedAt> = None;
    let (mut events, mut read, mut in_read, mut unread) = (0, 0, 0, 0);
    for found in fs::read_dir(queue)? {
        let found = found?;
        let Some(form) = layout::form(&found.file_name()) else { continue };
        let name = FileName::new(found.file_name());
        if !layout::is_producer_name(name.as_os_str()) {
            // Other files are few.
            read += 1;
            if read > MAX_READ || !file::is_ours(directory, &name, max_event_bytes, &mut buffer) {
                continue;
            }
        }
        match form {
            Form::Event => events += 1,
            Form::Lines(_) if read < MAX_READ => {
                read += 1;
                in_read += file::count_events(directory, &name, max_event_bytes, &mut buffer) as u64;
            }
            Form::Lines(_) => unread += 1,
        }
        let written = || found.metadata().and_then(|file| file.modified()).map(QueuedAt::from_system);
        // A file without a time is gone again.
        let queued_at = layout::queued_at(name.as_os_str()).map_or_else(|| written().ok(), Some);
        oldest = oldest.into_iter().chain(queued_at).min();
    }
    let average = in_read.checked_div(read).unwrap_or(1).max(1);
    Ok((events + in_read + unread * average, oldest))
}

/// What waits in the journal.
#[derive(Default)]
struct InJournal {
    oldest: Option<QueuedAt>,
    /// Events of the records that were read, how many these are, and their bytes.
    events: u64,
    records: u64,
    bytes: u64,
    /// Bytes of records that were not read.
    unread_bytes: u64,
}

impl InJournal {
    fn count(&mut self, journal: &JournalFolder, max_event_bytes: u64) -> io::Result<()> {
        let names = journal.names()?;
        let (near, far) = names.split_at(names.len().min(MAX_SEGMENTS));
        let mut near_bytes = 0;
        for name in near {
            let size = journal.stat(*name).map_or(0, |stat| stat.st_size.unsigned_abs());
            let bytes = size.saturating_sub(journal.position(*name));
            near_bytes += bytes;
            if bytes > 0 && !self.count_segment(journal, *name, bytes, max_event_bytes) {
                self.unread_bytes += bytes;
            }
        }
        self.unread_bytes += near_bytes / near.len().max(1) as u64 * far.len() as u64;
        Ok(())
    }

    /// Counts what waits in a segment. Returns whether it was looked at.
    fn count_segment(&mut self, journal: &JournalFolder, name: SegmentName, bytes: u64, max_event_bytes: u64) -> bool {
        // No record in it is older than its name.
        let may_be_oldest = self.oldest.is_none_or(|oldest| name.earliest() < oldest);
        if self.is_enough() && !may_be_oldest {
            return false;
        }
        let position = journal.position(name);
        let Ok(Some(mut walk)) = journal.walk(name, position, max_event_bytes) else { return false };
        self.oldest = self.oldest.into_iter().chain(walk.next_time()).min();
        let mut buffer = Vec::new();
        while !self.is_enough() {
            match walk.step(&mut buffer) {
                Ok(Step::Record { body_bytes, .. }) => {
                    self.records += 1;
                    self.bytes += body_bytes;
                    self.events += buffer.iter().filter(|byte| **byte == b'\n').count().max(1) as u64;
                }
                Ok(Step::Damage(_)) => {}
                Ok(Step::End) | Err(_) => return true,
            }
        }
        self.unread_bytes += bytes.saturating_sub(walk.next_offset() - position);
        true
    }

    fn is_enough(&self) -> bool {
        self.records >= MAX_READ || self.bytes >= MAX_READ_BYTES
    }

    fn events(&self) -> u64 {
        let with_heads = self.bytes + self.records * HEAD_BYTES as u64;
        // As many in as many bytes.
        let unread = u128::from(self.events) * u128::from(self.unread_bytes);
        self.events + unread.checked_div(u128::from(with_heads)).map_or(0, |events| events as u64)
    }
}

#[cfg(test)]
mod tests {
    use crate::{NewEvent, Priority, Uid, Writer};

    use super::*;

    #[test]
    fn events_are_counted_with_the_age_of_the_oldest_and_other_files_are_not() {
        let queue = tempfile::tempdir().expect("a directory");
        assert_eq!(Pending::of(queue.path(), 1_000).expect("read"), Pending::default());
        let writer = Writer::new(queue.path());
        writer.enqueue(b"\"e\"", b"1").expect("queued");
        let new = |payload_json| NewEvent {
            uid: Uid::new(),
            name_json: b"\"e\"",
            payload_json,
            channels: None,
            ttl: None,
            key: None,
            except: None,
        };
        writer.enqueue_events(&[new(b"1"), new(b"2"), new(b"3")], Priority::High).expect("queued");
        fs::write(queue.path().join("composer.json"), "{}").expect("written");
        fs::write(queue.path().join(".tmp-1.json"), "{}").expect("written");
        // By the pure-PHP class, of 2001.
        let of_php = queue.path().join("1000000000.5_65f0c0ffee.json");
        let pending = Pending::of(queue.path(), 1_000).expect("read");
        assert_eq!(pending.events, 4);
        assert!(pending.oldest.is_some_and(|oldest| oldest < Duration::from_secs(60)), "{pending:?}");
        fs::write(&of_php, r#"{"event":"e"}"#).expect("written");
        let written = std::time::SystemTime::now() - Duration::from_secs(500);
        fs::File::options().append(true).open(&of_php).and_then(|file| file.set_modified(written)).expect("a time");
        let pending = Pending::of(queue.path(), 1_000).expect("read");
        assert_eq!(pending.events, 5);
        assert!(pending.oldest.is_some_and(|oldest| oldest.as_secs() >= 499), "{pending:?}");
        assert!(Pending::of(&queue.path().join("none"), 1_000).is_err());
    }

    #[test]
    fn of_very_many_entries_the_number_of_events_is_estimated() {
        let queue = tempfile::tempdir().expect("a directory");
        let line = |number: u64| {
            let uid = Uid::new();
            format!("{{\"v\":1,\"uid\":\"{uid}\",\"event\":\"e\",\"payload\":{number},\"channels\":null}}\n")
        };
        for _ in 0..MAX_READ + 200 {
            let name = format!("{}.events", Uid::new());
            fs::write(queue.path().join(name), [line(1), line(2)].concat()).expect("written");
        }
        assert_eq!(Pending::of(queue.path(), 10_000).expect("read").events, 2 * (MAX_READ + 200));
    }
}
