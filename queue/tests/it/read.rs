//! Which entries `Reader` finds, in which order, and what happens to them.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use queue::{OpenError, Reader, ReaderOptions, Standby};

use crate::util::{Queue, make_old, payloads};

#[test]
fn finds_entries_in_the_order_of_queueing_and_each_once() {
    let queue = Queue::new();
    (0..10).for_each(|number| queue.enqueue(number));
    let mut reader = queue.reader();

    let first = reader.scan(4, u64::MAX).unwrap();
    assert_eq!(payloads(&first), ["0", "1", "2", "3"]);
    let second = reader.scan(100, u64::MAX).unwrap();
    assert_eq!(payloads(&second), ["4", "5", "6", "7", "8", "9"]);
    assert!(reader.scan(100, u64::MAX).unwrap().is_empty(), "outstanding entries are not found again");

    for entry in first.iter().chain(&second) {
        reader.ack(&entry.name).unwrap();
    }
    assert!(queue.entries().is_empty());
}

#[test]
fn a_scan_ends_when_it_has_enough_bytes() {
    let queue = Queue::new();
    (0..10).for_each(|number| queue.enqueue(number));
    let mut reader = queue.reader();
    assert_eq!(reader.scan(100, 1).unwrap().len(), 1);
    let some = reader.scan(100, 300).unwrap().len();
    assert!((2..9).contains(&some), "{some}");
}

#[test]
fn an_entry_that_was_not_acked_is_found_by_the_next_reader() {
    let queue = Queue::new();
    (0..3).for_each(|number| queue.enqueue(number));
    let mut reader = queue.reader();
    let entries = reader.scan(100, u64::MAX).unwrap();
    reader.ack(&entries[1].name).unwrap();
    drop(reader);
    assert_eq!(payloads(&queue.reader().scan(100, u64::MAX).unwrap()), ["0", "2"]);
}

#[test]
fn a_backlog_larger_than_the_index_keeps_its_order() {
    let queue = Queue::new();
    (0..100).for_each(|number| queue.enqueue(number));
    let mut reader = queue.reader_with(ReaderOptions { index_entries: 7, ..ReaderOptions::default() });
    let mut found = Vec::new();
    loop {
        let entries = reader.scan(3, u64::MAX).unwrap();
        if entries.is_empty() {
            break;
        }
        found.extend(payloads(&entries));
        entries.iter().for_each(|entry| reader.ack(&entry.name).unwrap());
    }
    assert_eq!(found, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn the_pure_php_producer_is_ordered_by_queued_at() {
    let queue = Queue::new();
    // Names as PHP's `precision` of 14 makes them: the first was queued last, but sorts first as text.
    queue.write("1729000000.1_a.json", r#"{"event":"e","payload":2,"timestamp":1729000000,"queued_at":1729000000.1}"#);
    queue.write(
        "1729000000.0999_b.json",
        r#"{"event":"e","payload":1,"timestamp":1729000000,"queued_at":1729000000.099912}"#,
    );
    queue.write(
        "1729000000.09_c.json",
        r#"{"event":"e","payload":0,"timestamp":1729000000,"queued_at":1729000000.0899}"#,
    );
    queue.enqueue(3);
    assert_eq!(payloads(&queue.reader().scan(100, u64::MAX).unwrap()), ["0", "1", "2", "3"]);
}

#[test]
fn entries_with_impossible_times_are_all_delivered() {
    let queue = Queue::new();
    // Found by fuzzing: 48 bits of milliseconds are more than 64 bits of nanoseconds hold.
    queue.write("ffffffff-ffff-7fff-bfff-ffffffffffff.json", r#"{"event":"e","payload":2}"#);
    queue.write("126ca003-295e-7412-97b6-4260e23a9528.json", r#"{"event":"e","payload":1}"#);
    for (number, secs) in [(3, "1e300"), (4, "-1e300"), (5, "1.8446744073709552e19")] {
        queue.write(&format!("{number}.json"), format!(r#"{{"event":"e","payload":{number},"queued_at":{secs}}}"#));
    }
    let ancient = queue.write("6.json", r#"{"event":"e","payload":6}"#);
    let before_1970 = std::time::SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let times = std::fs::FileTimes::new().set_modified(before_1970);
    std::fs::File::options().write(true).open(&ancient).unwrap().set_times(times).unwrap();
    queue.enqueue(0);
    let mut reader = queue.reader();
    let mut found = payloads(&reader.scan(100, u64::MAX).unwrap());
    // Entries with a time in the future come when a second listing has shown that nothing before them is missing.
    found.extend(payloads(&reader.scan(100, u64::MAX).unwrap()));
    found.sort();
    assert_eq!(found, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_half_written_file_is_read_when_it_is_complete() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("1729000000.5_a.json", r#"{"event":"late","payl"#);
    queue.enqueue(1);
    assert_eq!(payloads(&reader.scan(100, u64::MAX).unwrap()), ["1"]);
    queue.write("1729000000.5_a.json", r#"{"event":"late","payload":7}"#);
    assert_eq!(payloads(&reader.scan(100, u64::MAX).unwrap()), ["7"]);
}

#[test]
fn invalid_entries_are_rejected_after_their_grace_period_with_the_reason_beside_them() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let path = queue.write("1-garbage.json", "not JSON");
    assert!(reader.scan(100, u64::MAX).unwrap().is_empty());
    make_old(&path);
    let entries = reader.scan(100, u64::MAX).unwrap();
    let reason = entries[0].events.as_ref().unwrap_err();
    reader.reject(&entries[0].name, reason).unwrap();

    assert!(queue.entries().is_empty());
    assert_eq!(queue.failed(), ["1-garbage.json", "1-garbage.json.reason"]);
    let failed = queue.path().join("failed");
    assert_eq!(std::fs::read_to_string(failed.join("1-garbage.json")).unwrap(), "not JSON");
    let reason = std::fs::read_to_string(failed.join("1-garbage.json.reason")).unwrap();
    assert!(reason.starts_with("not valid JSON: "), "{reason}");
}

#[test]
fn files_that_are_not_regular_or_too_large_are_rejected_unread() {
    let queue = Queue::new();
    let secret = queue.path().with_file_name("secret");
    std::fs::write(&secret, r#"{"event":"secret"}"#).unwrap();
    symlink(&secret, queue.path().join("1-link.json")).unwrap();
    std::fs::create_dir(queue.path().join("2-directory.json")).unwrap();
    rustix_fifo(&queue.path().join("3-pipe.json"));
    queue.write("4-large.json", vec![b' '; 2000]);

    let mut reader = queue.reader_with(ReaderOptions { max_event_bytes: 1000, ..ReaderOptions::default() });
    let entries = reader.scan(100, u64::MAX).unwrap();
    for entry in &entries {
        reader.reject(&entry.name, entry.events.as_ref().unwrap_err()).unwrap();
    }
    let mut reasons: Vec<String> =
        entries.iter().map(|entry| format!("{} {}", entry.name, entry.events.as_ref().unwrap_err())).collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "1-link.json not a regular file",
            "2-directory.json not a regular file",
            "3-pipe.json not a regular file",
            "4-large.json 2000 bytes is more than the limit of 1000 bytes"
        ]
    );
    assert!(queue.entries().is_empty());
    assert_eq!(queue.failed().len(), 8);
}

#[test]
fn hidden_and_other_files_are_left_alone() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write(".tmp-a.json", "half");
    queue.write("notes.txt", "text");
    assert!(reader.scan(100, u64::MAX).unwrap().is_empty());
    assert!(queue.path().join(".tmp-a.json").exists() && queue.path().join("notes.txt").exists());
}

#[test]
fn a_follower_finds_what_is_reported_and_lists_only_after_it_lost_track() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.enqueue(0);
    assert_eq!(payloads(&reader.scan_followed(10, u64::MAX).unwrap()), ["0"], "the first scan lists");

    let name = queue.enqueue_named(1);
    assert!(reader.scan_followed(10, u64::MAX).unwrap().is_empty(), "it was not reported");
    reader.follow(&name);
    reader.follow(&name);
    assert_eq!(payloads(&reader.scan_followed(10, u64::MAX).unwrap()), ["1"]);
    reader.follow(&name);
    assert!(reader.scan_followed(10, u64::MAX).unwrap().is_empty(), "it is outstanding");

    queue.enqueue(2);
    reader.lose_track();
    reader.follow(&queue.enqueue_named(3));
    assert_eq!(payloads(&reader.scan_followed(10, u64::MAX).unwrap()), ["2", "3"]);
}

#[test]
fn a_follower_whose_index_is_full_keeps_the_order() {
    let queue = Queue::new();
    let mut reader = queue.reader_with(ReaderOptions { index_entries: 3, ..ReaderOptions::default() });
    assert!(reader.scan_followed(1, u64::MAX).unwrap().is_empty());
    let mut seen = Vec::new();
    for number in 0..10 {
        reader.follow(&queue.enqueue_named(number));
        if number % 3 == 2 {
            seen.extend(payloads(&reader.scan_followed(1, u64::MAX).unwrap()));
        }
    }
    while let Some(payload) = payloads(&reader.scan_followed(1, u64::MAX).unwrap()).pop() {
        seen.push(payload);
    }
    assert_eq!(seen, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_file_that_was_reported_while_it_was_written_is_read_when_it_is_closed() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    assert!(reader.scan_followed(1, u64::MAX).unwrap().is_empty());
    let path = queue.write("1700000000.5_abc.json", r#"{"event":"x","payl"#);
    reader.follow(path.file_name().unwrap());
    assert!(reader.scan_followed(1, u64::MAX).unwrap().is_empty());
    queue.write("1700000000.5_abc.json", r#"{"event":"x","payload":7,"queued_at":1700000000.5}"#);
    reader.follow(path.file_name().unwrap());
    assert_eq!(payloads(&reader.scan_followed(1, u64::MAX).unwrap()), ["7"]);
}

#[test]
fn one_reader_owns_a_directory() {
    let queue = Queue::new();
    let reader = queue.reader();
    let second = Reader::open(queue.path(), ReaderOptions::default());
    assert!(matches!(second, Err(OpenError::Locked(path)) if path == queue.path()));
    assert!(Reader::is_owned(&queue.path()));
    drop(reader);
    assert!(!Reader::is_owned(&queue.path()));
    queue.reader();
}

#[test]
fn asking_who_owns_a_directory_leaves_nothing_in_it() {
    let queue = Queue::new();
    assert!(!Reader::is_owned(&queue.path()));
    assert_eq!(std::fs::read_dir(queue.path()).unwrap().count(), 0);
}

#[test]
fn the_owner_sees_whether_another_process_waits_for_the_directory() {
    let queue = Queue::new();
    assert!(!Standby::is_announced(&queue.path()));
    let first = Standby::announce(&queue.path()).unwrap();
    let second = Standby::announce(&queue.path()).unwrap();
    drop(first);
    assert!(Standby::is_announced(&queue.path()));
    drop(second);
    assert!(!Standby::is_announced(&queue.path()));
}

#[test]
fn unsafe_or_missing_directories_are_refused() {
    let queue = Queue::new();
    let refused = |path| Reader::open(path, ReaderOptions::default()).unwrap_err().to_string();
    let absent = queue.path().join("absent").display().to_string();
    assert_eq!(
        refused(absent.clone().into()),
        format!(
            "the queue directory {absent} does not exist (create it, for example: install -d -o www-data -g www-data -m 2770 \
             {absent})"
        )
    );
    assert!(refused(queue.write("file", "")).ends_with("file is not a directory (name the directory of the events)"));
    std::fs::set_permissions(queue.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused(queue.path()).contains("is writable by every user"));
}

#[test]
fn a_replaced_directory_is_noticed() {
    let queue = Queue::new();
    let reader = queue.reader();
    assert!(reader.is_current());
    std::fs::rename(queue.path(), queue.path().with_extension("old")).unwrap();
    assert!(!reader.is_current());
    queue::create_directory(&queue.path()).unwrap();
    assert!(!reader.is_current());
    assert!(queue.reader().is_current());
}

#[test]
fn order_per_producer_holds_while_the_directory_is_being_listed() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    const EACH: usize = 3000;
    let (mut seen, mut next) = (0, [0; 3]);
    std::thread::scope(|scope| {
        for producer in 0..3 {
            let queue = &queue;
            scope.spawn(move || (0..EACH).for_each(|number| queue.enqueue(producer * EACH + number)));
        }
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while seen < 3 * EACH {
            assert!(std::time::Instant::now() < deadline, "{seen} entries arrived");
            for entry in reader.scan(64, u64::MAX).unwrap() {
                let number: usize = entry.events.as_ref().unwrap()[0].payload_json().parse().unwrap();
                let producer = number / EACH;
                assert_eq!(number % EACH, next[producer], "producer {producer} is out of order");
                next[producer] += 1;
                seen += 1;
                reader.ack(&entry.name).unwrap();
            }
        }
    });
}

fn rustix_fifo(path: &std::path::Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}
