//! The producer's side of the journal: appends a record to a segment of its own.
//!
//! A segment belongs to one writer, and a writer to one thread, so nothing is shared while events are queued. The lock
//! on a segment tells readers that more may follow. It is released when the segment is closed, also when the process is
//! killed.

mod announced;
mod queue;
mod segment;
mod segment_descriptor;

use std::path::Path;

pub use segment_descriptor::close_in_child;

use crate::directory::Durability;
use crate::error::{AppendError, EnqueueError};
use crate::journal::{RecordName, SegmentName};
use crate::new_event::{self, NewEvent};
use crate::priority::Priority;
use crate::queue_path;
use crate::queued_at::{Now, QueuedAt};
use crate::record;
use crate::uid::Uid;
use queue::{Place, Queue};

/// So many queues have their segments kept open by a writer. When it appends to one more, those of the queue that it has
/// not used for the longest time are closed.
const MAX_QUEUES: usize = 4;
/// The memory of a record is kept for the next one if it has at most so many bytes.
const KEPT_BUFFER_BYTES: usize = 512 * 1024;

/// How events are appended.
#[derive(Debug, Clone, Copy)]
pub struct AppendOptions {
    /// The lane.
    pub priority: Priority,
    /// What must be on disk when `append` returns.
    pub durability: Durability,
    /// The largest content of a record, in bytes.
    pub max_event_bytes: usize,
}

/// Appends records to the journals of queues. One for each thread, kept as long as possible: it has the segments open.
///
/// A process that forks calls [`close_in_child`] in the child before anything else, by `pthread_atfork`.
#[derive(Debug, Default)]
pub struct JournalWriter {
    /// The one that was used last comes first.
    queues: Vec<Queue>,
    /// The record that is being written.
    record: Vec<u8>,
    times: Times,
    /// In which process it has opened them, counted by forks.
    forks: u32,
}

impl JournalWriter {
    /// A writer without an open segment.
    pub fn new() -> JournalWriter {
        JournalWriter::default()
    }

    /// Queues events as one record: all of them or none. They are queued at this moment.
    ///
    /// Records of one priority that one writer appends are delivered in the order of its calls.
    ///
    /// # Errors
    /// The events can be queued as a file when no consumer reads the journal of this queue ([`AppendError::NoReader`]),
    /// when locks do not work in it or others hold them ([`AppendError::NoLocks`], [`AppendError::LockedByOthers`]), and
    /// when its folder may not be written ([`AppendError::NotWritable`]). Otherwise those of
    /// [`crate::Writer::enqueue_events`], when the events are refused or cannot be written. In any case nothing that
    /// counts is left.
    pub fn append(
        &mut self,
        queue: &Path,
        events: &[NewEvent<'_>],
        options: AppendOptions,
    ) -> Result<RecordName, AppendError> {
        self.append_at(Now::read(), queue, events, options)
    }

    fn append_at(
        &mut self,
        now: Now,
        queue: &Path,
        events: &[NewEvent<'_>],
        options: AppendOptions,
    ) -> Result<RecordName, AppendError> {
        if segment_descriptor::is_of_parent(self.forks) {
            // The segments are those of the parent, and closed in this process.
            self.queues.clear();
            self.forks = segment_descriptor::forks();
        }
        let place = Place { priority: options.priority, durability: options.durability, now };
        self.use_queue(queue)?;
        let JournalWriter { queues, record, times, .. } = self;
        // `use_queue` has put it there.
        let Some(queue) = queues.first_mut() else { return Err(EnqueueError::EmptyPath.into()) };
        queue.check(place)?;
        record.clear();
        record::begin(record);
        new_event::encode_into(record, events, now, options.max_event_bytes)?;
        let appended = queue.append(record, times, place);
        if record.capacity() > KEPT_BUFFER_BYTES {
            *record = Vec::new();
        }
        appended
    }

    /// Puts the queue at the first place.
    fn use_queue(&mut self, path: &Path) -> Result<(), EnqueueError> {
        match self.queues.iter().position(|queue| queue.is_at(path)) {
            Some(0) => {}
            Some(index) => self.queues[..=index].rotate_right(1),
            None => {
                queue_path::check_path(path.as_os_str().as_encoded_bytes())?;
                self.queues.truncate(MAX_QUEUES - 1);
                self.queues.insert(0, Queue::new(path));
            }
        }
        Ok(())
    }
}

/// The times of the records of one writer: each is after the one before, also when the clock is set back.
#[derive(Debug, Default)]
struct Times {
    last: u64,
}

impl Times {
    /// The time of the next record. It is not before the time in the name of its segment, nor before that in the name of
    /// an entry which this thread has queued as a file.
    fn next(&mut self, now: Now, segment: SegmentName) -> u64 {
        let others = segment.earliest().max(Uid::last_of_thread());
        self.last = now.queued_at().max(others).nanos().max(self.last.saturating_add(1));
        // Files that are queued next must not count as earlier when the clock is set back.
        Uid::make_later_than(QueuedAt::from_nanos(self.last));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::layout;
    use crate::record::{HEAD_BYTES, Head};

    const NOW: Duration = Duration::from_secs(1_900_000_000);

    fn queue() -> TempDir {
        let queue = TempDir::new().expect("a directory");
        std::fs::create_dir(queue.path().join(layout::JOURNAL)).expect("a folder");
        let reader = r#"{"version":"9","forms":["directory","journal"],"epoch":"0000000000000001"}"#;
        std::fs::write(queue.path().join(layout::READER), reader).expect("written");
        queue
    }

    /// Appends an event at a time. Returns its place, and the time in the head of its record.
    fn append(writer: &mut JournalWriter, queue: &TempDir, at: Duration) -> (RecordName, u64) {
        let event = NewEvent {
            uid: Uid::new(),
            name_json: br#""a""#,
            payload_json: b"1",
            channels: None,
            ttl: None,
            key: None,
            except: None,
        };
        let options = AppendOptions { priority: Priority::Normal, durability: Durability::None, max_event_bytes: 1000 };
        let name = writer.append_at(Now::at(at), queue.path(), &[event], options).expect("appended");
        let segment = queue.path().join(layout::JOURNAL).join(name.segment.to_file_name());
        let mut content = Vec::new();
        File::open(segment).and_then(|mut file| file.read_to_end(&mut content)).expect("read");
        let record = &content[usize::try_from(name.offset).expect("small")..];
        let (head, body) = record.split_first_chunk::<HEAD_BYTES>().expect("a head");
        let head = Head::parse(head).expect("a head");
        assert!(head.is_of(body));
        (name, head.time)
    }

    #[test]
    fn times_of_records_rise_when_the_clock_stands_or_is_set_back() {
        let queue = queue();
        let mut writer = JournalWriter::new();
        let clock = [NOW, NOW, NOW - Duration::from_secs(3600), NOW - Duration::from_secs(3600), Duration::ZERO, NOW];
        let appended = clock.map(|at| append(&mut writer, &queue, at));
        assert!(appended.windows(2).all(|pair| pair[0].1 < pair[1].1), "{appended:?}");
        for (name, time) in appended {
            assert!(name.segment.earliest().nanos() <= time, "{name} {time}");
        }
    }

    #[test]
    fn records_and_files_of_a_thread_keep_their_order_when_the_clock_is_set_back() {
        let queue = queue();
        let mut writer = JournalWriter::new();
        let hour = Duration::from_secs(3600);
        let clock =
            [NOW, NOW + hour, NOW + hour, NOW, NOW, NOW, NOW - hour, NOW - hour, NOW + 2 * hour, NOW + 2 * hour];
        // When each entry counts as queued, and whether it is a record.
        let mut entries = Vec::new();
        for (at, entry) in clock.into_iter().cycle().take(50).zip(0..) {
            let at = at + Duration::from_micros(entry);
            if entry % 3 == 0 || entry % 7 == 1 {
                entries.push((append(&mut writer, &queue, at).1, true));
            } else {
                let name = Uid::at(Now::at(at));
                entries.push((name.earliest().nanos(), false));
            }
        }
        for pair in entries.windows(2) {
            let [(before, _), (after, is_record)] = [pair[0], pair[1]];
            // Of a record and a file of the same time, the file goes first.
            assert!(before < after || before == after && (is_record || !pair[0].1), "{entries:?}");
        }
    }

    #[test]
    fn a_segment_is_closed_when_it_is_a_minute_old() {
        let queue = queue();
        let mut writer = JournalWriter::new();
        let segments = [0, 59, 60, 119, 120].map(|secs| append(&mut writer, &queue, NOW + Duration::from_secs(secs)));
        let segments = segments.map(|(name, _)| name.segment);
        assert_eq!(segments[0], segments[1]);
        assert_ne!(segments[1], segments[2]);
        assert_eq!(segments[2], segments[3]);
        assert_ne!(segments[3], segments[4]);
    }

    #[test]
    fn names_and_readers_are_checked_once_in_a_tenth_of_a_second() {
        let queue = queue();
        let mut writer = JournalWriter::new();
        let (first, _) = append(&mut writer, &queue, NOW);
        std::fs::remove_file(queue.path().join(layout::JOURNAL).join(first.segment.to_file_name())).expect("removed");
        let (second, _) = append(&mut writer, &queue, NOW + Duration::from_millis(100));
        assert_ne!(first.segment, second.segment, "the record was appended again");
        let (third, _) = append(&mut writer, &queue, NOW + Duration::from_millis(150));
        assert_eq!(third.segment, second.segment);
        assert!(third.offset > 0);
    }
}
