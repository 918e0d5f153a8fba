//! A file name that is used again.

use queue::{EntryError, Failed, Rejected};
use rustix::io::Errno;
use testkit::sandbox::{filter, run_under, with_plain_rename_only};

use crate::util::{Queue, make_old, payloads};

fn event(payload: usize) -> String {
    format!(r#"{{"event":"e","payload":{payload}}}"#)
}

#[test]
fn what_was_written_under_an_outstanding_name_is_delivered_and_not_deleted() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("state.json", event(1));
    let first = reader.scan(10, u64::MAX).unwrap();
    // Written in place, and below replaced by another file.
    for version in [20, 300] {
        queue.write("state.json", event(version));
        assert!(reader.scan(10, u64::MAX).unwrap().is_empty(), "it is outstanding");
        reader.ack(&first[0].name).unwrap();
        assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), [version.to_string()]);
    }
    std::fs::rename(queue.write("new.tmp", event(4000)), queue.path().join("state.json")).unwrap();
    reader.ack(&first[0].name).unwrap();
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["4000"]);
    reader.ack(&first[0].name).unwrap();
    assert!(queue.entries().is_empty());
}

/// Leaves the state of a deletion that was interrupted after the file was moved away: by a crash, or by an error of the
/// system.
fn interrupt_deletion(queue: &Queue, name: &str) {
    std::fs::rename(queue.path().join(name), queue.path().join(".tmp-acked")).unwrap();
}

#[test]
fn an_event_that_was_written_before_a_crash_in_the_ack_is_delivered_by_the_next_reader() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("state.json", event(1));
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["1"]);
    make_old(&queue.write("state.json", event(2)));
    interrupt_deletion(&queue, "state.json");
    drop(reader);
    let mut reader = queue.reader();
    let found = reader.scan(10, u64::MAX).unwrap();
    assert_eq!(payloads(&found), ["2"]);
    reader.ack(&found[0].name).unwrap();
    assert!(queue.entries().is_empty() && !queue.path().join(".tmp-acked").exists());
}

#[test]
fn an_interrupted_ack_can_be_repeated() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    for is_new in [false, true] {
        queue.write("state.json", event(1));
        let first = reader.scan(10, u64::MAX).unwrap();
        if is_new {
            queue.write("state.json", event(20));
        }
        interrupt_deletion(&queue, "state.json");
        reader.ack(&first[0].name).unwrap();
        assert!(!queue.path().join(".tmp-acked").exists());
        let found = reader.scan(10, u64::MAX).unwrap();
        assert_eq!(payloads(&found), if is_new { &["20"][..] } else { &[] });
        for entry in found {
            reader.ack(&entry.name).unwrap();
        }
    }
}

#[test]
fn an_event_that_was_written_meanwhile_is_delivered_although_the_file_system_fails_in_the_ack() {
    let checks = [(libc::SYS_newfstatat, 0, 0), (libc::SYS_statx, 0, 0)];
    for forbidden in [&checks[..], &[(libc::SYS_unlinkat, 0, 0)]] {
        let queue = Queue::new();
        let mut reader = queue.reader();
        queue.write("state.json", event(1));
        let first = reader.scan(10, u64::MAX).unwrap();
        let is_new = forbidden.len() > 1;
        if is_new {
            queue.write("state.json", event(20));
        }
        let error = run_under(filter(forbidden, Errno::IO), || reader.ack(&first[0].name).unwrap_err());
        assert!(error.to_string().contains("Input/output error"), "{error}");
        assert!(queue.path().join(".tmp-acked").exists() && queue.entries().is_empty());
        reader.ack(&first[0].name).unwrap();
        let left = reader.scan(10, u64::MAX).unwrap();
        assert_eq!(payloads(&left), if is_new { &["20"][..] } else { &[] });
        assert!(!queue.path().join(".tmp-acked").exists());
    }
}

#[test]
fn files_of_one_name_are_kept_apart_where_the_file_system_has_only_plain_rename() {
    let (queue, name) = (Queue::new(), "state.json".parse().unwrap());
    let mut reader = queue.reader();
    run_under(with_plain_rename_only(), || {
        queue.write("state.json", event(1));
        let first = reader.scan(10, u64::MAX).unwrap();
        queue.write("state.json", event(20));
        reader.ack(&first[0].name).unwrap();
        assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["20"]);
        for version in [1, 2] {
            queue.write("state.json", event(version));
            reader.ack(&name).unwrap();
            let _ = reader.scan(10, u64::MAX).unwrap();
            assert_eq!(reader.reject(&name, &EntryError::NoName).unwrap(), Rejected::PutAside);
        }
        let failed = Failed::open(&queue.path()).unwrap().unwrap();
        assert_eq!((failed.list().unwrap().len(), queue.failed().len()), (2, 4));
        queue.write("state.json", event(3));
        assert!(failed.retry(name.file().unwrap()).unwrap_err().to_string().contains("waits in the queue"));
        std::fs::remove_file(queue.path().join("state.json")).unwrap();
        failed.retry(name.file().unwrap()).unwrap();
        assert_eq!((failed.list().unwrap().len(), queue.entries().len()), (1, 1));
    });
}

#[test]
fn the_ack_of_another_entry_does_not_delete_the_file_that_an_interrupted_ack_moved_away() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("a.json", event(1));
    queue.write("b.json", event(1));
    let both = reader.scan(10, u64::MAX).unwrap();
    queue.write("a.json", event(20));
    interrupt_deletion(&queue, "a.json");
    both.iter().rev().for_each(|entry| reader.ack(&entry.name).unwrap());
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["20"]);
    assert_eq!(queue.entries().len(), 1);
}

#[test]
fn a_directory_in_place_of_the_file_that_is_being_deleted_prevents_no_ack() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("a.json", event(1));
    let first = reader.scan(10, u64::MAX).unwrap();
    std::fs::create_dir(queue.path().join(".tmp-acked")).unwrap();
    reader.ack(&first[0].name).unwrap();
    assert!(!queue.path().join("a.json").exists());
}

#[test]
fn a_follower_gets_the_new_content_without_a_listing() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    assert!(reader.scan_followed(10, u64::MAX).unwrap().is_empty());
    let path = queue.write("state.json", event(1));
    reader.follow(path.file_name().unwrap());
    let first = reader.scan_followed(10, u64::MAX).unwrap();
    queue.write("state.json", event(20));
    reader.follow(path.file_name().unwrap());
    reader.ack(&first[0].name).unwrap();
    assert_eq!(payloads(&reader.scan_followed(10, u64::MAX).unwrap()), ["20"]);
}

#[test]
fn an_event_that_replaced_a_bad_entry_is_not_put_aside() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("1.json", r#"{"payload":1}"#);
    let bad = reader.scan(10, u64::MAX).unwrap();
    queue.write("1.json", event(7));
    let rejected = reader.reject(&bad[0].name, bad[0].events.as_ref().unwrap_err()).unwrap();
    assert_eq!(rejected, Rejected::NotThere);
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["7"]);
    assert!(queue.failed().is_empty());
}

#[test]
fn a_bad_entry_that_was_deleted_is_not_put_aside_and_leaves_no_reason() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let path = queue.write("1.json", r#"{"payload":1}"#);
    let bad = reader.scan(10, u64::MAX).unwrap();
    std::fs::remove_file(path).unwrap();
    let mut reject = || reader.reject(&bad[0].name, &EntryError::NoName).unwrap();
    assert_eq!(reject(), Rejected::NotThere);
    assert!(queue.failed().is_empty(), "{:?}", queue.failed());
    queue.write("1.json", r#"{"payload":1}"#);
    assert_eq!(reject(), Rejected::PutAside);
    assert_eq!(queue.failed(), ["1.json", "1.json.reason"]);
}

#[test]
fn a_retry_overwrites_no_waiting_entry() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    queue.write("1.json", event(1));
    let name = "1.json".parse().unwrap();
    reader.reject(&name, &EntryError::NoName).unwrap();
    queue.write("1.json", event(2));
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let error = failed.retry(name.file().unwrap()).unwrap_err().to_string();
    assert!(error.contains("waits in the queue"), "{error}");
    assert_eq!(failed.list().unwrap()[0].reason, "no `event` key");
    let waiting = reader.scan(10, u64::MAX).unwrap();
    assert_eq!(payloads(&waiting), ["2"]);
    reader.ack(&waiting[0].name).unwrap();
    failed.retry(name.file().unwrap()).unwrap();
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["1"]);
}

#[test]
fn two_bad_entries_of_one_name_are_both_kept() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let name = "1.json".parse().unwrap();
    for version in [1, 2] {
        queue.write("1.json", event(version));
        reader.reject(&name, &EntryError::NoName).unwrap();
    }
    // A directory cannot replace a file either.
    std::fs::create_dir(queue.path().join("1.json")).unwrap();
    reader.reject(&name, &EntryError::NotAFile).unwrap();
    assert!(queue.entries().is_empty());
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let listed = failed.list().unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().filter(|entry| entry.reason.starts_with("no `event` key")).count() == 2, "{listed:?}");
    assert_eq!(failed.read(name.file().unwrap()).unwrap(), event(1).as_bytes());
}
