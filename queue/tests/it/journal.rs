//! Records of the journal, from a writer to the reader of the queue.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::{Uid, setfsuid};
use queue::{AppendOptions, Durability, EntryName, Failed, JournalWriter, Priority, Reader};

use crate::segments::{line, record_of, write_segment};
use crate::util::{Queue, names, new_event, payloads};

/// The user of no files.
const NOBODY: u32 = 65534;

fn append(writer: &mut JournalWriter, queue: &Queue, numbers: std::ops::Range<usize>, priority: Priority) {
    let payloads: Vec<String> = numbers.map(|number| number.to_string()).collect();
    let events: Vec<_> = payloads.iter().map(|payload| new_event(payload)).collect();
    let options = AppendOptions { priority, durability: Durability::None, max_event_bytes: 1 << 20 };
    writer.append(&queue.path(), &events, options).unwrap();
}

fn take(reader: &mut Reader) -> Vec<String> {
    let entries = reader.scan(10_000, u64::MAX).unwrap();
    entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    reader.commit_acks().unwrap();
    payloads(&entries)
}

fn segments(queue: &Queue) -> usize {
    names(&queue.path().join("journal")).len()
}

#[test]
fn records_are_found_once_in_the_order_of_appending() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    for number in 0..5 {
        append(&mut writer, &queue, number..number + 1, Priority::Normal);
    }
    append(&mut writer, &queue, 5..8, Priority::Normal);
    assert_eq!(take(&mut reader), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert!(take(&mut reader).is_empty());
    append(&mut writer, &queue, 8..9, Priority::Normal);
    assert_eq!(take(&mut reader), ["8"]);
    drop(reader);
    let mut next = queue.reader();
    assert!(take(&mut next).is_empty(), "what is acked is not found by the next reader");
    append(&mut writer, &queue, 9..10, Priority::Normal);
    assert_eq!(take(&mut next), ["9"]);
    assert_eq!(segments(&queue), 1);
    drop(writer);
    assert!(take(&mut queue_reader_after(next, &queue)).is_empty());
    assert_eq!(segments(&queue), 0, "a segment whose writer has ended is deleted");
}

/// The reader of the next process.
fn queue_reader_after(reader: Reader, queue: &Queue) -> Reader {
    drop(reader);
    queue.reader()
}

#[test]
fn what_is_not_acked_is_found_by_the_next_reader() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    for number in 0..10 {
        append(&mut writer, &queue, number..number + 1, Priority::Normal);
    }
    let entries = reader.scan(100, u64::MAX).unwrap();
    for entry in [&entries[0], &entries[1], &entries[2], &entries[5]] {
        reader.ack(&entry.name).unwrap();
    }
    reader.commit_acks().unwrap();
    let mut next = queue_reader_after(reader, &queue);
    assert_eq!(take(&mut next), ["3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn both_forms_are_read_in_the_order_of_queueing() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    for number in 0..40 {
        if number % 3 == 0 {
            queue.enqueue(number);
        } else {
            append(&mut writer, &queue, number..number + 1, Priority::Normal);
        }
    }
    let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(take(&mut reader), expected);
}

#[test]
fn lanes_count_for_both_forms() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    for number in 0..20 {
        append(&mut writer, &queue, number..number + 1, Priority::Low);
        append(&mut writer, &queue, 100 + number..101 + number, Priority::Normal);
        append(&mut writer, &queue, 200 + number..201 + number, Priority::High);
        queue.enqueue(300 + number);
    }
    let taken: Vec<usize> = take(&mut reader).iter().map(|payload| payload.parse().unwrap()).collect();
    assert_eq!(taken.len(), 80);
    let first: Vec<usize> = taken[..13].iter().map(|number| number / 100).collect();
    assert_eq!(first, [2, 2, 2, 2, 2, 2, 2, 2, 1, 3, 1, 3, 0]);
}

#[test]
fn a_record_that_is_rejected_becomes_a_file_and_can_be_put_back() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..3, Priority::High);
    let entries = reader.scan(10, u64::MAX).unwrap();
    let EntryName::Record(_) = entries[0].name else { panic!("a record") };
    reader.reject(&entries[0].name, &queue::EntryError::NoName).unwrap();
    reader.commit_acks().unwrap();
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let listed = failed.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].name.to_string().ends_with(".high.events"), "{}", listed[0].name);
    assert_eq!(listed[0].reason, "no `event` key");
    failed.retry(&listed[0].name).unwrap();
    assert_eq!(take(&mut reader), ["0", "1", "2"]);
}

#[test]
fn many_segments_are_read_and_deleted() {
    let (queue, mut reader) = Queue::announced();
    let filler = "x".repeat(1000);
    let mut writer = JournalWriter::new();
    for number in 0..2000 {
        let payload = format!("\"{number} {filler}\"");
        let options =
            AppendOptions { priority: Priority::Normal, durability: Durability::None, max_event_bytes: 1 << 20 };
        writer.append(&queue.path(), &[new_event(&payload)], options).unwrap();
    }
    assert!(segments(&queue) > 5);
    let taken = take(&mut reader);
    let numbers: Vec<usize> =
        taken.iter().map(|payload| payload[1..].split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
    take(&mut reader);
    assert_eq!(segments(&queue), 1);
}

#[test]
fn a_queue_without_a_journal_gets_no_file_of_positions() {
    let queue = Queue::new();
    queue.enqueue(1);
    let mut reader = queue.reader();
    assert_eq!(take(&mut reader), ["1"]);
    assert!(!queue.path().join(".positions").exists());
    assert!(fs::read_dir(queue.path().join("journal")).unwrap().next().is_none());
}

#[test]
fn a_file_that_cannot_be_a_segment_is_put_aside_and_stops_nothing() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 1..2, Priority::Normal);
    let folder = queue.path().join("journal");
    let name = names(&folder)[0].clone();
    // The last digits of the UUID.
    let other = |digits: &str| format!("{}{digits}.seg", &name[..32]);
    fs::create_dir(folder.join(other("000a"))).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join(other("000b"))).unwrap();
    fs::File::create(folder.join(other("000c"))).unwrap().set_len(17 << 20).unwrap();
    assert_eq!(take(&mut reader), ["1"]);
    let strange = reader.take_strange_segments().unwrap();
    assert_eq!((strange.files, strange.cause.is_none()), (3, true), "{strange:?}");
    assert_eq!(names(&folder), std::slice::from_ref(&name));
    assert_eq!(names(&queue.path().join("failed")).iter().filter(|name| name.ends_with(".seg")).count(), 3);
    append(&mut writer, &queue, 2..3, Priority::Normal);
    assert_eq!(take(&mut reader), ["2"]);
}

#[test]
fn a_record_that_was_looked_up_and_acked_is_not_found_again() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..1, Priority::Normal);
    append(&mut writer, &queue, 1..2, Priority::Normal);
    let names: Vec<EntryName> = reader.scan(10, u64::MAX).unwrap().into_iter().map(|entry| entry.name).collect();
    // The next process knows from its history log what was published.
    let mut reader = queue_reader_after(reader, &queue);
    for name in &names {
        assert_eq!(reader.look_up(name).unwrap().unwrap().len(), 1);
        reader.ack(name).unwrap();
        reader.commit_acks().unwrap();
        assert!(reader.look_up(name).unwrap().is_none(), "it is acked");
    }
    assert!(take(&mut reader).is_empty());
    let mut reader = queue_reader_after(reader, &queue);
    assert!(take(&mut reader).is_empty());
    append(&mut writer, &queue, 2..3, Priority::Normal);
    assert_eq!(take(&mut reader), ["2"]);
}

/// Runs something as a user who has no rights to the files of root. Only this thread is affected.
fn as_nobody<T>(run: impl FnOnce() -> T) -> T {
    let before = setfsuid(Uid::from_raw(NOBODY));
    let result = run();
    setfsuid(before);
    result
}

#[test]
fn a_segment_that_may_not_be_read_yet_waits_where_it_is() {
    if !testkit::has_root("to read as another user") {
        return;
    }
    let queue = Queue::new();
    let path = queue.path();
    fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
    chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut reader = as_nobody(|| queue.reader());
    as_nobody(|| queue::Announcement::new(1).write(reader.directory()).unwrap());
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 1..2, Priority::Normal);
    let segment = path.join("journal").join(&names(&path.join("journal"))[0]);
    fs::set_permissions(&segment, Permissions::from_mode(0o600)).unwrap();
    for _ in 0..3 {
        assert!(as_nobody(|| take(&mut reader)).is_empty());
    }
    assert!(queue.failed().is_empty() && segment.exists());
    let denied = until_some(|| {
        as_nobody(|| take(&mut reader));
        reader.take_denied_segments()
    });
    assert_eq!((denied.files, denied.cause.kind()), (1, ErrorKind::PermissionDenied));
    fs::set_permissions(&segment, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(until_some(|| as_nobody(|| take(&mut reader)).pop()), "1");
    assert!(queue.failed().is_empty());
}

fn until_some<T>(mut get: impl FnMut() -> Option<T>) -> T {
    let mut got = None;
    testkit::until("it is there", || {
        got = got.take().or_else(&mut get);
        got.is_some()
    });
    got.unwrap()
}

/// Bytes that this thread has read so far.
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn a_segment_that_claims_to_be_huge_takes_no_time_of_others() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 1..2, Priority::Normal);
    append(&mut writer, &queue, 2..3, Priority::Low);
    assert_eq!(take(&mut reader).len(), 2);
    // A producer that runs goes on behind its first record with a head that claims 4 GiB, and there they are.
    let folder = queue.path().join("journal");
    let hostile = names(&folder).into_iter().find(|name| name.ends_with(".low.seg")).unwrap();
    let mut file = fs::File::options().append(true).open(folder.join(hostile)).unwrap();
    writeln!(file, "\x1e00000000fffffff0{:016x}", 1).unwrap();
    file.set_len((4 << 30) + 4096).unwrap();
    let before = bytes_read();
    for number in 0..100 {
        append(&mut writer, &queue, number..number + 1, Priority::Normal);
        assert_eq!(take(&mut reader), [number.to_string()]);
    }
    assert!(bytes_read() - before < 16 << 20, "{}", bytes_read() - before);
    // Its producer ends. What it has left is searched, with a bound.
    drop(writer);
    let damage = until_some(|| {
        take(&mut reader);
        reader.take_damage()
    });
    assert!(damage.bytes > 4 << 30, "{damage:?}");
    assert!(bytes_read() - before < 256 << 20, "{}", bytes_read() - before);
}

/// The name of an entry of several events that was queued an hour ahead, by a producer that began before the clock was
/// set back.
fn name_ahead(number: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3600);
    let millis = now.as_millis();
    format!("{:08x}-{:04x}-7000-8000-{number:012x}.events", millis >> 16, millis & 0xffff)
}

/// One round of a caller that follows the queue: nothing was reported but these files.
fn round(reader: &mut Reader, limit: usize, appeared: &[&OsStr]) -> Vec<usize> {
    let mut taken = Vec::new();
    loop {
        reader.begin_round();
        appeared.iter().for_each(|name| reader.follow(name));
        reader.lose_track_of_journal();
        let entries = reader.scan_followed(limit, u64::MAX).unwrap();
        taken.extend(payloads(&entries).iter().map(|payload| payload.parse::<usize>().unwrap()));
        if !entries.is_empty() || !reader.has_held() {
            return taken;
        }
    }
}

#[test]
fn a_record_does_not_overtake_a_file_of_its_producer_that_one_listing_has_seen() {
    let (queue, mut reader) = Queue::announced();
    for number in 0..3 {
        queue.enqueue(number);
    }
    // A producer whose clock was an hour ahead: first a file, then a record.
    queue.write(&name_ahead(1), line("3"));
    let later = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3601);
    write_segment(&queue, 1, record_of(line("4").as_bytes(), later.as_nanos() as u64));
    reader.lose_track();
    let taken: Vec<usize> = [1, 1, 10, 10, 10].iter().flat_map(|limit| round(&mut reader, *limit, &[])).collect();
    assert_eq!(taken, [0, 1, 2, 3, 4]);
}

#[test]
fn a_record_does_not_overtake_a_file_of_its_producer_while_an_entry_from_ahead_waits() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    assert!(round(&mut reader, 10, &[]).is_empty());
    let ahead = name_ahead(1);
    queue.write(&ahead, line("9"));
    let first = queue.enqueue_named(0);
    assert_eq!(round(&mut reader, 1, &[ahead.as_ref(), &first]), [0]);
    // Reports are not believed until the next listing.
    reader.lose_track();
    let second = queue.enqueue_named(1);
    append(&mut writer, &queue, 2..3, Priority::Normal);
    let mut taken = round(&mut reader, 10, &[&second]);
    taken.extend(round(&mut reader, 10, &[]));
    assert_eq!(taken, [1, 2, 9]);
}

#[test]
fn a_file_that_a_listing_finds_does_not_overtake_records_that_were_not_reported_yet() {
    let (queue, mut reader) = Queue::announced();
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue, 0..1, Priority::Normal);
    assert_eq!(take(&mut reader), ["0"]);
    // All reports of the round were read. What is queued now is in the next ones.
    reader.begin_round();
    reader.lose_track();
    append(&mut writer, &queue, 1..2, Priority::Normal);
    queue.enqueue(2);
    let mut taken = payloads(&reader.scan_followed(10, u64::MAX).unwrap());
    assert_ne!(taken, ["2"]);
    reader.look_at_all_segments();
    taken.extend(payloads(&reader.scan_followed(10, u64::MAX).unwrap()));
    assert_eq!(taken, ["1", "2"]);
}
