//! A look at the queue by a process that does not own it: how much waits in both forms, and what.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use queue::{
    Announcement, AppendOptions, Backlog, Content, Durability, EntryError, EntryName, Failed, FileName, JournalState,
    JournalWriter, Pending, Priority, Seen, Waiting,
};
use testkit::until;

use crate::util::{Queue, names, new_event, payloads};

const LIMIT: u64 = 1 << 20;

fn append(writer: &mut JournalWriter, queue: &Queue, numbers: std::ops::Range<usize>) {
    let payloads: Vec<String> = numbers.map(|number| number.to_string()).collect();
    let events: Vec<_> = payloads.iter().map(|payload| new_event(payload)).collect();
    let options =
        AppendOptions { priority: Priority::Normal, durability: Durability::None, max_event_bytes: LIMIT as usize };
    writer.append(&queue.path(), &events, options).unwrap();
}

fn segment(queue: &Queue) -> PathBuf {
    let folder = queue.path().join("journal");
    folder.join(&names(&folder)[0])
}

fn take(waiting: &mut Waiting) -> Vec<Seen> {
    std::iter::from_fn(|| waiting.take().unwrap()).collect()
}

/// The payloads of what was seen, in order. They are numbers.
fn numbers(seen: &[Seen]) -> Vec<usize> {
    let mut numbers = Vec::new();
    for Seen { name, content, .. } in seen {
        let Content::Events(events) = content else { panic!("{name}: {content:?}") };
        for line in str::from_utf8(events).unwrap().lines() {
            let (_, payload) = line.split_once(r#""payload":"#).unwrap();
            numbers.push(payload.split([',', '}']).next().unwrap().parse().unwrap());
        }
    }
    numbers
}

#[test]
fn what_waits_in_both_forms_is_counted_beyond_what_is_acked() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    (0..4).for_each(|number| append(&mut writer, &queue, number..number + 1));
    append(&mut writer, &queue, 4..9);
    queue.enqueue(9);
    let backlog = Backlog::of(&queue.path(), LIMIT).unwrap();
    assert_eq!((backlog.entries, backlog.records, backlog.events, backlog.segments), (6, 5, 10, 1));
    assert_eq!(backlog.segment_bytes, fs::metadata(segment(&queue)).unwrap().len());
    assert!(backlog.oldest.is_some_and(|oldest| oldest < Duration::from_secs(60)));
    assert_eq!(Pending::of(&queue.path(), LIMIT).unwrap().events, 10);

    let entries = reader.scan(3, u64::MAX).unwrap();
    entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    reader.commit_acks().unwrap();
    let backlog = Backlog::of(&queue.path(), LIMIT).unwrap();
    assert_eq!((backlog.records, backlog.events), (2, 7));
    assert_eq!(Pending::of(&queue.path(), LIMIT).unwrap().events, 7);

    let entries = reader.scan(10, u64::MAX).unwrap();
    entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    reader.commit_acks().unwrap();
    let backlog = Backlog::of(&queue.path(), LIMIT).unwrap();
    assert_eq!((backlog.entries, backlog.oldest, backlog.segments), (0, None, 1));
    assert_eq!(Pending::of(&queue.path(), LIMIT).unwrap(), Pending::default());
}

#[test]
fn of_very_many_records_the_number_of_events_is_estimated_and_the_oldest_is_found() {
    let (queue, _reader) = Queue::announced();
    let filler = format!("\"{}\"", "x".repeat(200));
    let options =
        AppendOptions { priority: Priority::Normal, durability: Durability::None, max_event_bytes: LIMIT as usize };
    let mut writer = JournalWriter::new();
    let oldest = Instant::now();
    for _ in 0..10_000 {
        writer.append(&queue.path(), &[new_event(&filler), new_event(&filler)], options).unwrap();
    }
    let pending = Pending::of(&queue.path(), LIMIT).unwrap();
    // All are equal, but for the numbers of digits in their times.
    assert!((19_500..20_500).contains(&pending.events), "{pending:?}");
    assert!(pending.oldest.is_some_and(|age| age <= oldest.elapsed()), "{pending:?}");
    assert_eq!(Backlog::of(&queue.path(), LIMIT).unwrap().events, 20_000);
}

#[test]
fn a_directory_in_which_only_records_wait_is_a_queue_that_nobody_reads() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..1);
    assert!(!queue::is_unread_queue(&queue.path()), "it is read");
    drop(reader);
    assert!(queue::is_unread_queue(&queue.path()));
    assert_eq!(queue::unread_queues(queue.path().parent().unwrap(), &queue.path().join("failed")), [queue.path()]);
    assert_eq!(queue::entry_files(&queue.path(), LIMIT).len(), 1);
    reader = queue.reader();
    reader.scan(10, u64::MAX).unwrap().iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    reader.commit_acks().unwrap();
    drop(reader);
    assert!(!queue::is_unread_queue(&queue.path()), "all is acked, and the producer still runs");
}

#[test]
fn entries_of_both_forms_are_seen_in_the_order_of_queueing() {
    let (queue, mut reader) = Queue::announced();
    let (mut first, mut second) = (JournalWriter::new(), JournalWriter::new());
    for number in 0..30 {
        match number % 3 {
            0 => queue.enqueue(number),
            1 => append(&mut first, &queue, number..number + 1),
            _ => append(&mut second, &queue, number..number + 1),
        }
    }
    let before: Vec<String> = names(&queue.path());
    let mut waiting = Waiting::open(&queue.path(), LIMIT).unwrap();
    waiting.list().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), (0..30).collect::<Vec<_>>());
    assert!(waiting.take().unwrap().is_none());
    assert_eq!(names(&queue.path()), before);
    // What was looked at is still there for the reader.
    assert_eq!(payloads(&reader.scan(100, u64::MAX).unwrap()).len(), 30);
}

#[test]
fn what_is_added_is_seen_once_also_when_its_segment_is_deleted() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..1);
    let mut waiting = Waiting::open(&queue.path(), LIMIT).unwrap().following();
    waiting.list().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), [0]);
    append(&mut writer, &queue, 1..2);
    let file = queue.enqueue_named(2);
    waiting.look_again().unwrap();
    waiting.note_file(&file);
    waiting.note_file(&file);
    waiting.list().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), [1, 2]);

    append(&mut writer, &queue, 3..5);
    drop(writer);
    until("the segment is deleted", || {
        let entries = reader.scan(10, u64::MAX).unwrap();
        entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
        reader.commit_acks().unwrap();
        names(&queue.path().join("journal")).is_empty()
    });
    waiting.look_again().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), [3, 4]);
    // A file that is gone before it was read.
    waiting.note_file(std::ffi::OsStr::new("1729000000.1234_671234abc.json"));
    let gone = take(&mut waiting);
    assert!(matches!(gone[..], [Seen { content: Content::Gone, .. }]), "{gone:?}");
}

#[test]
fn of_a_segment_that_appears_also_that_is_seen_which_a_reader_has_acked_already() {
    let queue = Queue::new();
    let mut waiting = Waiting::open(&queue.path(), LIMIT).unwrap().following();
    waiting.list().unwrap();
    // It makes the folder of the journal.
    let mut reader = queue.reader();
    Announcement::new(1).write(reader.directory()).unwrap();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..2);
    let entries = reader.scan(10, u64::MAX).unwrap();
    entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    reader.commit_acks().unwrap();
    waiting.list().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), [0, 1]);
}

#[test]
fn a_file_that_is_being_written_is_seen_when_it_is_complete() {
    let queue = Queue::new();
    let mut file = File::create(queue.path().join("1.json")).unwrap();
    let mut waiting = Waiting::open(&queue.path(), LIMIT).unwrap().following();
    waiting.list().unwrap();
    assert!(take(&mut waiting).is_empty());
    file.write_all(br#"{"event":"e","#).unwrap();
    waiting.look_again().unwrap();
    assert!(take(&mut waiting).is_empty());
    file.write_all(br#""payload":7}"#).unwrap();
    waiting.look_again().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), [7]);
    waiting.look_again().unwrap();
    assert!(take(&mut waiting).is_empty());
}

#[test]
fn files_that_are_completed_together_are_seen_in_the_order_of_queueing() {
    let queue = Queue::new();
    let paths: Vec<PathBuf> = (1..4).map(|number| queue.write(&format!("{number}.json"), r#"{"event":"e","#)).collect();
    let mut waiting = Waiting::open(&queue.path(), LIMIT).unwrap().following();
    waiting.list().unwrap();
    assert!(take(&mut waiting).is_empty());
    for (path, number) in paths.iter().zip(1..) {
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(format!(r#""payload":{number}}}"#).as_bytes())
            .unwrap();
    }
    waiting.look_again().unwrap();
    assert_eq!(numbers(&take(&mut waiting)), [1, 2, 3]);
}

#[test]
fn damage_is_passed_over_and_a_record_that_is_no_entry_has_its_reason() {
    let (queue, reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    (0..3).for_each(|number| append(&mut writer, &queue, number..number + 1));
    drop((writer, reader));
    let path = segment(&queue);
    let mut content = fs::read(&path).unwrap();
    let second = content.len() / 3;
    content[second + 40] ^= 1;
    let mut record = Vec::new();
    queue::record::begin(&mut record);
    record.extend_from_slice(b"no event\n");
    queue::record::finish(&mut record, u64::MAX / 2).unwrap();
    content.extend_from_slice(&record);
    // The last record is cut.
    content.extend_from_slice(&record[..20]);
    fs::write(&path, content).unwrap();
    let mut waiting = Waiting::open(&queue.path(), LIMIT).unwrap();
    waiting.list().unwrap();
    let seen = take(&mut waiting);
    assert_eq!(numbers(&seen[..2]), [0, 2]);
    assert!(
        matches!(&seen[2..], [Seen { content: Content::NoEvent(EntryError::Line { line: 1, .. }), .. }]),
        "{seen:?}"
    );
    assert_eq!(waiting.damaged_bytes(), second as u64);
    let backlog = Backlog::of(&queue.path(), LIMIT).unwrap();
    assert_eq!((backlog.records, backlog.events, backlog.damaged_bytes), (3, 3, second as u64));
}

#[test]
fn a_look_is_in_the_way_of_no_producer_and_tells_which_have_ended() {
    let (queue, _reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..1);
    let state = JournalState::of(&queue.path()).unwrap().unwrap();
    assert_eq!((state.segments, state.ended), (1, 0));
    assert!(state.positions.is_ok() && state.locks.is_some_and(|locks| locks.is_ok()));
    // Of long ago: its producer has ended, and that of the other runs.
    let old = queue.path().join("journal/019a3a5e-7f00-7000-8000-000000000000.seg");
    let running = queue.path().join("journal/019a3a5e-7f00-7000-8000-000000000001.seg");
    fs::write(&old, "x").unwrap();
    let file = File::create(&running).unwrap();
    file.lock().unwrap();
    let state = JournalState::of(&queue.path()).unwrap().unwrap();
    assert_eq!((state.segments, state.ended, state.example), (3, 1, Some(old)));
    append(&mut writer, &queue, 1..2);
    assert_eq!(names(&queue.path().join("journal")).len(), 3, "the producer has its segment");
}

#[test]
fn a_file_that_cannot_be_a_segment_is_listed_put_back_and_dropped() {
    let (queue, mut reader) = Queue::announced();
    let name = "019a3a5e-7f00-7000-8000-000000000000.seg";
    let path = queue.path().join("journal").join(name);
    let set_size = |path: &std::path::Path, bytes| {
        File::options().write(true).create(true).truncate(false).open(path).unwrap().set_len(bytes).unwrap();
    };
    set_size(&path, 17 << 20);
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    assert!(!path.exists());
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let listed = failed.list().unwrap();
    assert_eq!((listed.len(), listed[0].name.to_string().as_str()), (1, name));
    assert!(listed[0].reason.contains("is more than the limit of"), "{}", listed[0].reason);
    assert_eq!(failed.count().unwrap(), 1);
    let name = failed.find(FileName::of_failed(name).unwrap()).unwrap();
    failed.retry(&name).unwrap();
    assert!(path.exists() && failed.list().unwrap().is_empty());
    // It is as before.
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    assert_eq!(failed.list().unwrap().len(), 1);

    fs::rename(queue.path().join("journal"), queue.path().join("journal.old")).unwrap();
    let error = failed.retry(&name).unwrap_err().to_string();
    assert!(error.contains("there is no journal"), "{error}");
    assert!(failed.list().unwrap()[0].reason.contains("is more than the limit of"));
    failed.drop_entry(&name).unwrap();
    assert!(queue.failed().is_empty());
    for wrong in ["../1.seg", "1.seg", "x.txt", ""] {
        assert!(FileName::of_failed(wrong).is_err(), "{wrong}");
    }
    assert!(name.to_string().parse::<EntryName>().is_err());
}
