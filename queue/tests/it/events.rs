//! Entries of several events: what a reader takes, what it refuses and what it leaves.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use queue::{
    Backlog, ChannelName, Durability, EnqueueError, EntryError, Event, Failed, LineError, MAX_EVENT_NAME_BYTES,
    MAX_EVENTS_OF_ENTRY, MAX_EXCEPT_BYTES, MAX_KEY_BYTES, NewEvent, Priority, Reader, ReaderOptions, Uid,
};
use testkit::bad_lines;
use testkit::sandbox::{run_under, with_plain_rename_only};

use crate::util::{Queue, lines_name, make_old, new_event, payloads};

const GOOD: &str = r#"{"v":1,"uid":"019a3a5e-7f00-7000-8000-000000000001","event":"good","channels":["a"]}"#;

fn channels(names: &[&str]) -> Vec<ChannelName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// The one entry that waits.
fn events_of(reader: &mut Reader) -> Result<Vec<Event>, EntryError> {
    let mut entries = reader.scan(10, u64::MAX).unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0).events
}

#[test]
fn an_entry_has_the_documented_name_content_and_mode() {
    let queue = Queue::new();
    let (first, second) = (Uid::new(), Uid::new());
    let names = channels(&["orders", "private-user.42"]);
    let events = [
        NewEvent {
            uid: first,
            name_json: br#""a\/b""#,
            payload_json: b"{\n  \"x\": [1,2]\n}",
            channels: Some(&names),
            ttl: Some(60),
            key: Some("a \"key\"\n"),
            except: Some("123.4"),
        },
        NewEvent { uid: second, ..new_event("2") },
    ];
    let name = queue.writer().enqueue_events(&events, Priority::Low).unwrap();
    let stem = name.to_string().strip_suffix(".low.events").unwrap().parse::<Uid>().unwrap();
    assert!(first < second && second < stem, "the name is of the moment of queueing");

    let path = queue.path().join(name.as_os_str());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    let content = fs::read_to_string(&path).unwrap();
    let time = content.split(r#""queued_at":"#).nth(1).unwrap().split(',').next().unwrap();
    let (secs, micros) = time.split_once('.').unwrap();
    assert_eq!(micros.len(), 6);
    let expires_at = secs.parse::<u64>().unwrap() + 60;
    let expected = [
        format!(r#"{{"v":1,"uid":"{first}","event":"a\/b","payload":{{   "x": [1,2] }},"timestamp":{secs},"#),
        format!(r#""queued_at":{time},"channels":["orders","private-user.42"],"expires_at":{expires_at}.{micros},"#),
        "\"key\":\"a \\\"key\\\"\\n\",\"except\":\"123.4\"}\n".to_owned(),
        format!(r#"{{"v":1,"uid":"{second}","event":"numbered","payload":2,"timestamp":{secs},"#),
        format!("\"queued_at\":{time},\"channels\":null}}\n"),
    ];
    assert_eq!(content, expected.concat());
}

#[test]
fn every_durability_and_the_way_by_rename_write_the_entry() {
    let queue = Queue::new();
    let write = |durability| {
        let writer = queue.writer().durability(durability);
        writer.enqueue_events(&[new_event("1")], Priority::High).unwrap()
    };
    for durability in [Durability::None, Durability::Data, Durability::Full] {
        write(durability);
        run_under(with_plain_rename_only(), || write(durability));
    }
    let names = queue.entries();
    assert_eq!(names.len(), 6);
    assert!(names.iter().all(|name| name.ends_with(".high.events") && !name.starts_with('.')), "{names:?}");
    for name in names {
        assert_eq!(fs::metadata(queue.path().join(name)).unwrap().mode() & 0o7777, 0o640);
    }
    assert_eq!(payloads(&queue.reader().scan(10, u64::MAX).unwrap()), ["1"; 6]);
}

#[test]
fn what_an_entry_may_not_hold_is_refused_and_leaves_nothing() {
    let queue = Queue::new();
    let refused = |events: &[NewEvent<'_>]| queue.writer().enqueue_events(events, Priority::Normal).unwrap_err();
    let good = new_event("1");
    assert!(matches!(refused(&[]), EnqueueError::NoEvents));
    let many = vec![good; MAX_EVENTS_OF_ENTRY + 1];
    assert!(matches!(refused(&many), EnqueueError::TooManyEvents { events: 1001 }));
    assert!(matches!(refused(&[good, NewEvent { channels: Some(&[]), ..good }]), EnqueueError::NoChannels));
    let names = channels(&["a"; 101]);
    let error = refused(&[NewEvent { channels: Some(&names), ..good }]);
    assert!(matches!(error, EnqueueError::TooManyChannels { channels: 101 }), "{error}");
    let error = refused(&[NewEvent { name_json: b"7", ..good }]);
    assert!(matches!(error, EnqueueError::NameNotAString), "{error}");
    let long = format!("\"{}\"", "e".repeat(MAX_EVENT_NAME_BYTES));
    let (key, client) = ("k".repeat(MAX_KEY_BYTES + 1), "1".repeat(MAX_EXCEPT_BYTES + 1));
    for bad in [
        NewEvent { name_json: long.as_bytes(), ..good },
        NewEvent { key: Some(""), ..good },
        NewEvent { key: Some(&key), ..good },
        NewEvent { except: Some(""), ..good },
        NewEvent { except: Some(&client), ..good },
    ] {
        let error = refused(&[good, bad]);
        assert!(matches!(error, EnqueueError::BadLength { .. }), "{error}");
    }
    let large = "1".repeat(600_000);
    let large = NewEvent { payload_json: large.as_bytes(), ..good };
    assert!(matches!(refused(&[large, large]), EnqueueError::TooLarge { size: 1_200_016.., limit: 1_048_576 }));
    let names = channels(&["a", "b", "c", "d", "e", "f", "g"]);
    let error = refused(&[NewEvent { channels: Some(&names), ..large }, good]);
    assert!(matches!(error, EnqueueError::TooLargeForChannels { channels: 7, limit: 4_194_304, .. }), "{error}");
    assert!(queue.entries().is_empty());

    queue.writer().enqueue_events(&[NewEvent { channels: Some(&names[..6]), ..large }], Priority::Normal).unwrap();
    queue.writer().enqueue_events(&many[1..], Priority::Normal).unwrap();
    let entries = queue.reader().scan(10, u64::MAX).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.events.as_ref().unwrap().len()).collect::<Vec<_>>(), [1, 1000]);
}

#[test]
fn a_reader_refuses_what_a_producer_may_not_write() {
    let queue = Queue::new();
    let mut reader = queue.reader_with(ReaderOptions { max_event_bytes: 200_000, ..ReaderOptions::default() });
    queue.write(&lines_name(1), format!("{GOOD}\n").repeat(MAX_EVENTS_OF_ENTRY + 1));
    let reason = events_of(&mut reader).unwrap_err().to_string();
    assert_eq!(reason, "line 1001: an entry has at most 1000 events");

    let names: Vec<String> = (0..100).map(|number| format!("\"c{number}\"")).collect();
    let line = GOOD.replace(r#"["a"]"#, &format!("[{}]", names.join(",")));
    queue.write(&lines_name(2), format!("{line}\n{}\n", GOOD.replace("good", &"e".repeat(1000))));
    assert_eq!(events_of(&mut reader).unwrap().len(), 2);
    let payload = format!(r#","payload":"{}"}}"#, "x".repeat(8_000));
    queue.write(&lines_name(3), format!("{line}\n{}\n", GOOD.replace('}', &payload)));
    let reason = events_of(&mut reader).unwrap_err().to_string();
    assert!(reason.contains("bytes times 100 channels is more than the limit of 800000 bytes"), "{reason}");

    queue.write(&lines_name(4), format!("{GOOD}{}\n", " ".repeat(200_000)));
    assert!(matches!(events_of(&mut reader).unwrap_err(), EntryError::TooLarge { .. }));
    let empty = queue.write(&lines_name(5), "");
    make_old(&empty);
    assert_eq!(events_of(&mut reader).unwrap_err().to_string(), "no line, so no event");
}

#[test]
fn every_way_to_write_a_line_wrong_rejects_the_entry_and_names_the_line() {
    let bad = bad_lines();
    assert!(bad.len() >= 100, "{}", bad.len());
    let queue = Queue::new();
    // First, between good ones, and last.
    let contents = |line: &[u8]| {
        let good = format!("{GOOD}\n");
        let (good, end) = (good.as_bytes(), &b"\n"[..]);
        [(1, [line, end].concat()), (2, [good, line, end, good].concat()), (4, [good, good, good, line, end].concat())]
    };
    let mut expected = Vec::new();
    for row in &bad {
        for (number, content) in contents(&row.line) {
            make_old(&queue.write(&lines_name(expected.len()), content));
            expected.push((row, number));
        }
    }
    let mut reader = queue.reader();
    let entries = reader.scan(1000, u64::MAX).unwrap();
    assert_eq!(entries.len(), expected.len());
    for (entry, (row, number)) in entries.iter().zip(&expected) {
        let Err(reason) = &entry.events else { panic!("{} was taken as an event", row.why) };
        let text = reason.to_string();
        assert!(text.starts_with(&format!("line {number}: ")) && text.contains(row.reason), "{}: {text}", row.why);
        assert!(!text.contains('\n') && !text.contains("at line 1"), "{}: {text}", row.why);
        reader.reject(&entry.name, reason).unwrap();
    }
    let failed = Failed::open(&queue.path()).unwrap().unwrap().list().unwrap();
    assert_eq!(failed.len(), expected.len());
    assert!(failed.iter().all(|entry| entry.reason.starts_with("line ")));
    assert!(queue.entries().is_empty());
}

#[test]
fn a_line_that_is_correct_is_taken_whatever_its_form_is() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let with = |fields: &str| GOOD.replace('}', &format!(",{fields}}}"));
    for (number, (line, names)) in [
        (GOOD.to_owned(), Some(&["a"][..])),
        (format!(" \t{GOOD} \r"), Some(&["a"])),
        (GOOD.replace(r#"["a"]"#, "null"), None),
        (GOOD.replace(r#"["a"]"#, r#" [ "b" , "a","b", "a" ] "#), Some(&["b", "a"])),
        (GOOD.replace(r#"["a"]"#, r#"["\u0061\/b"]"#), Some(&["a/b"])),
        (GOOD.replace(r#""channels""#, r#""\u0063hannels""#), Some(&["a"])),
        (with(r#""expires_at":null,"key":null,"except":null,"payload":null,"timestamp":null"#), Some(&["a"])),
        (with(r#""other":{"channel":"b"},"other":2"#), Some(&["a"])),
        (GOOD.replace(r#""good""#, r#""""#), Some(&["a"])),
        (GOOD.replace("019a3a5e-7f00-7", "019A3A5E-7F00-4"), Some(&["a"])),
    ]
    .into_iter()
    .enumerate()
    {
        queue.write(&lines_name(number), format!("{line}\n"));
        let events = events_of(&mut reader).unwrap_or_else(|error| panic!("{line}: {error}"));
        let found = events[0].channels().map(|found| found.iter().map(ChannelName::as_str).collect::<Vec<_>>());
        assert_eq!((events.len(), found), (1, names.map(<[_]>::to_vec)), "{line}");
        assert_eq!((events[0].expires_at(), events[0].key(), events[0].except()), (None, None, None));
    }
}

#[test]
fn a_line_without_its_end_is_awaited_for_the_grace_period() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let path = queue.write(&lines_name(1), format!("{GOOD}\n{GOOD}"));
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    fs::write(&path, format!("{GOOD}\n{GOOD}\n")).unwrap();
    assert_eq!(events_of(&mut reader).unwrap().len(), 2);
    let path = queue.write(&lines_name(2), format!("{GOOD}\n{GOOD}"));
    make_old(&path);
    let reason = events_of(&mut reader).unwrap_err().to_string();
    assert_eq!(reason, "line 2: no line feed at its end, so it may be cut off");
}

#[test]
fn an_entry_of_a_newer_version_waits_and_is_reported_once() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let newer = GOOD.replace(r#""v":1"#, r#""v":2"#);
    // What else is in such a line is not for us to judge.
    let strange = r#"{"channels":{"all_of":["a"]},"channel":1,"v":3}"#;
    for (number, content) in [newer.as_str(), &format!("{GOOD}\n{newer}"), strange].into_iter().enumerate() {
        make_old(&queue.write(&lines_name(number), format!("{content}\n")));
    }
    let good = queue.write(&lines_name(9), format!("{GOOD}\n"));
    assert_eq!(events_of(&mut reader).unwrap().len(), 1);
    let found = reader.take_newer_entries().unwrap();
    assert_eq!((found.name.to_string(), found.files), (lines_name(0), 3));
    assert!(found.problem.unwrap().starts_with("line 1: its version is 2, and this program reads version 1"));
    for _ in 0..3 {
        assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
        assert_eq!((reader.take_newer_entries(), reader.take_other_files()), (None, None));
    }
    let backlog = Backlog::of(&queue.path(), 1024).unwrap();
    assert_eq!((backlog.entries, backlog.other_files), (4, 0), "they wait");
    assert!(queue.failed().is_empty());

    fs::remove_file(good).unwrap();
    queue.write(&lines_name(0), format!("{GOOD}\n"));
    drop(reader);
    // The next reader reports them as well.
    let mut reader = queue.reader();
    assert_eq!(events_of(&mut reader).unwrap().len(), 1);
    assert_eq!(reader.take_newer_entries().unwrap().files, 2);
}

#[test]
fn a_file_that_is_not_named_by_time_stays_where_it_is() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let uuid = "019a3a5e-7f00-7000-8000-000000000000";
    let names = ["calendar.events".to_owned(), "17.high.events".to_owned(), format!("{uuid}.urgent.events")];
    for name in &names {
        make_old(&queue.write(name, format!("{GOOD}\n")));
    }
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    assert_eq!(reader.take_other_files().unwrap().files, 3);
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty() && reader.take_other_files().is_none());
    assert_eq!(queue.entries().len(), 3);
    let backlog = Backlog::of(&queue.path(), 1024).unwrap();
    assert_eq!((backlog.entries, backlog.events, backlog.other_files), (0, 0, 3));
}

#[test]
fn a_first_start_accepts_entries_of_both_kinds_and_no_other_file() {
    let queue = Queue::new();
    queue.enqueue(1);
    queue.enqueue_lines(2..4, Priority::High);
    assert_eq!(payloads(&queue.reader().scan(10, u64::MAX).unwrap()), ["2", "3", "1"]);
    let queue = Queue::new();
    queue.enqueue_lines(1..2, Priority::Normal);
    queue.write("calendar.events", "BEGIN:VCALENDAR");
    let error = Reader::open(queue.path(), ReaderOptions::default()).unwrap_err().to_string();
    assert!(error.contains("holds calendar.events, which is neither an event nor a file of a queue"), "{error}");
}

#[test]
fn a_rejected_entry_is_listed_put_back_and_dropped_under_its_name() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let name = queue.enqueue_lines(0..3, Priority::Low);
    let entries = reader.scan(10, u64::MAX).unwrap();
    reader.reject(&entries[0].name, &EntryError::Line { line: 2, problem: LineError::Empty }).unwrap();
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let listed = failed.list().unwrap();
    assert_eq!((&listed[0].name, &listed[0].reason[..]), (&name, "line 2: it is empty"));
    assert_eq!(failed.read(&name).unwrap().iter().filter(|byte| **byte == b'\n').count(), 3);
    failed.retry(&failed.find(name.to_string().parse().unwrap()).unwrap()).unwrap();
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["0", "1", "2"]);

    // A second one of that name gets another one, and is still an entry of several events in its lane.
    fs::write(queue.path().join("failed").join(name.as_os_str()), "").unwrap();
    reader.reject(&name.clone().into(), &EntryError::NoEvents).unwrap();
    let listed = failed.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|entry| entry.name.to_string().ends_with(".low.events")), "{listed:?}");
    let renamed = listed.into_iter().find(|entry| entry.name != name).unwrap().name;
    failed.retry(&renamed).unwrap();
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["0", "1", "2"]);
    failed.drop_entry(&name).unwrap();
    reader.ack(&renamed.into()).unwrap();
    assert!(queue.failed().is_empty() && queue.entries().is_empty());
}

#[test]
fn an_entry_that_was_not_acked_is_found_again_with_all_its_events_and_their_uids() {
    let queue = Queue::new();
    queue.enqueue_lines(0..3, Priority::Normal);
    let uids = |reader: &mut Reader| events_of(reader).unwrap().iter().map(Event::uid).collect::<Vec<_>>();
    let first = uids(&mut queue.reader());
    assert_eq!(uids(&mut queue.reader()), first);
    assert!(first.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn the_uid_of_an_entry_of_one_event_is_its_name_or_follows_from_it() {
    let queue = Queue::new();
    queue.enqueue(1);
    let uuid = queue.entries()[0].strip_suffix(".json").unwrap().to_owned();
    let uid = |reader: &mut Reader| events_of(reader).unwrap()[0].uid();
    assert_eq!(uid(&mut queue.reader()).to_string(), uuid);
    fs::remove_file(queue.path().join(format!("{uuid}.json"))).unwrap();

    let mut seen = Vec::new();
    for content in [
        r#"{"event":"e","queued_at":1729000000.1}"#,
        r#"{"event":"e","queued_at":1729000000.2}"#,
        r#"{"event":"e","payload":1,"queued_at":1729000000.2}"#,
    ] {
        let path = queue.write("a.json", content);
        let first = uid(&mut queue.reader());
        make_old(&path);
        assert_eq!(uid(&mut queue.reader()), first, "it does not depend on when the file was written");
        seen.push(first);
    }
    assert!(seen[0] != seen[1] && seen[1] == seen[2]);
    let path = queue.write("a.json", r#"{"event":"e"}"#);
    let first = uid(&mut queue.reader());
    assert_eq!(uid(&mut queue.reader()), first);
    make_old(&path);
    assert_ne!(uid(&mut queue.reader()), first, "without a time, a file that was written again is another event");
}

#[test]
fn the_backlog_has_the_events_of_both_kinds_of_entries() {
    let queue = Queue::new();
    queue.enqueue(1);
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        queue.enqueue_lines(0..5, priority);
    }
    queue.write(&lines_name(1), "garbage\n");
    let backlog = Backlog::of(&queue.path(), 1 << 20).unwrap();
    assert_eq!((backlog.entries, backlog.events, backlog.other_files), (5, 17, 0));
    assert_eq!(queue::entry_files(&queue.path(), 1 << 20).len(), 5);
    assert!(queue::is_unread_queue(&queue.path()));
}

#[test]
fn old_temporary_files_of_such_entries_are_swept() {
    let queue = Queue::new();
    let old = queue.write(&format!(".tmp-{}", lines_name(1)), GOOD);
    make_old(&old);
    let young = queue.write(&format!(".tmp-{}", lines_name(2)), GOOD);
    assert!(queue.reader().scan(10, u64::MAX).unwrap().is_empty());
    assert!(!old.exists() && young.exists());
}

#[test]
fn a_scan_counts_the_messages_for_each_channel() {
    let queue = Queue::new();
    let names = channels(&["a", "b", "c", "d"]);
    let payload = format!("\"{}\"", "x".repeat(1000));
    for _ in 0..10 {
        let event = NewEvent { channels: Some(&names), ..new_event(&payload) };
        queue.writer().enqueue_events(&[event], Priority::Normal).unwrap();
    }
    let mut reader = queue.reader_with(ReaderOptions { grace: Duration::ZERO, ..ReaderOptions::default() });
    assert_eq!(reader.scan(10, 6_000).unwrap().len(), 3, "each counts for half of more than 4,000 bytes");
}
