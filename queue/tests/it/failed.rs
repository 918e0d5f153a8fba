//! The failed folder, the backlog, and temporary files of producers that crashed.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use queue::{Backlog, EntryError, Failed, FileName, Reader};
use testkit::sandbox::{run_under, without_setgid};

use crate::util::{Queue, make_old, payloads};

fn reject(reader: &mut Reader, queue: &Queue, name: &str) -> FileName {
    queue.write(name, r#"{"event":"e","payload":7}"#);
    let name: FileName = name.parse().unwrap();
    reader.reject(&name.clone().into(), &EntryError::NoName).unwrap();
    name
}

#[test]
fn rejected_entries_are_listed_shown_put_back_and_dropped() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    assert!(Failed::open(&queue.path()).unwrap().is_none());
    let (first, second) = (reject(&mut reader, &queue, "1.json"), reject(&mut reader, &queue, "2.json"));
    let failed = Failed::open(&queue.path()).unwrap().unwrap();

    let listed = failed.list().unwrap();
    assert_eq!(listed.iter().map(|entry| &entry.name).collect::<Vec<_>>(), [&first, &second]);
    assert_eq!(listed[0].reason, "no `event` key");
    assert_eq!(listed[0].bytes, 25);
    assert_eq!(failed.read(&first).unwrap(), br#"{"event":"e","payload":7}"#);

    failed.retry(&first).unwrap();
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["7"]);
    failed.drop_entry(&second).unwrap();
    assert!(failed.list().unwrap().is_empty() && queue.failed().is_empty());
    assert!(failed.retry(&second).unwrap_err().to_string().starts_with("cannot put back "));
}

#[test]
fn a_failed_entry_that_is_too_large_for_memory_is_not_read() {
    let queue = Queue::new();
    let name = reject(&mut queue.reader(), &queue, "1.json");
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let set_size = |bytes| {
        let file = std::fs::File::options().write(true).open(queue.path().join("failed/1.json")).unwrap();
        file.set_len(bytes).unwrap();
    };
    let limit = 64 * 1024 * 1024;
    set_size(limit);
    assert_eq!(failed.read(&name).unwrap().len() as u64, limit);
    set_size(limit + 1);
    let error = failed.read(&name).unwrap_err().to_string();
    assert!(error.contains("failed/1.json: 67108865 bytes is more than the limit of 67108864 bytes"), "{error}");
    failed.drop_entry(&name).unwrap();
}

#[test]
fn the_folder_is_bounded_in_number_and_age() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    for number in 0..5 {
        reject(&mut reader, &queue, &format!("{number}.json"));
    }
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    assert_eq!(failed.trim(4, Duration::from_secs(60)).unwrap(), 1);
    assert!(!queue.failed().contains(&"0.json".to_owned()), "the oldest");
    assert_eq!(failed.trim(4, Duration::from_secs(60)).unwrap(), 0);
    until_old(&failed, Duration::from_millis(50));
    reject(&mut reader, &queue, "5.json");
    assert_eq!(failed.trim(10, Duration::from_millis(50)).unwrap(), 4);
    assert_eq!(queue.failed(), ["5.json", "5.json.reason"]);
}

/// Waits until all rejected entries are that old.
fn until_old(failed: &Failed, age: Duration) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while failed.list().unwrap().iter().any(|entry| entry.age <= age) {
        assert!(Instant::now() < deadline, "time does not pass");
    }
}

#[test]
fn the_age_counts_from_the_rejection_and_not_from_when_the_file_was_written() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    // Like an event that was restored from a backup, and below like a whole folder that was.
    make_old(&queue.write("1.json", r#"{"payload":1}"#));
    let entries = reader.scan(10, u64::MAX).unwrap();
    reader.reject(&entries[0].name, entries[0].events.as_ref().unwrap_err()).unwrap();
    // Older versions count from this time.
    let modified = std::fs::metadata(queue.path().join("failed/1.json")).unwrap().modified().unwrap();
    assert!(modified.elapsed().unwrap() < Duration::from_secs(60));
    make_old(&queue.path().join("failed/1.json"));
    make_old(&queue.path().join("failed/1.json.reason"));
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    assert!(failed.list().unwrap()[0].age < Duration::from_secs(60));
    assert_eq!(failed.trim(10, Duration::from_secs(60)).unwrap(), 0);
    assert_eq!(queue.failed(), ["1.json", "1.json.reason"]);
}

#[test]
fn a_directory_that_was_put_aside_is_dropped_with_what_is_in_it() {
    let (queue, elsewhere) = (Queue::new(), Queue::new());
    let mut reader = queue.reader();
    let name: FileName = "1.json".parse().unwrap();
    let kept = elsewhere.write("kept.json", "");
    for by_hand in [true, false] {
        let directory = queue.path().join("1.json/deep");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("file"), "").unwrap();
        symlink(elsewhere.path(), directory.join("link")).unwrap();
        reader.reject(&name.clone().into(), &EntryError::NotAFile).unwrap();
        let failed = Failed::open(&queue.path()).unwrap().unwrap();
        if by_hand {
            failed.drop_entry(&name).unwrap();
        } else {
            assert_eq!(failed.trim(0, Duration::from_secs(60)).unwrap(), 1);
        }
        assert!(queue.failed().is_empty() && kept.exists());
    }
}

#[test]
fn an_entry_that_cannot_be_deleted_keeps_no_other_from_being_trimmed() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    // Deeper than directories that are deleted.
    let deep = queue.path().join("1.json").join(["d"; 40].join("/"));
    std::fs::create_dir_all(&deep).unwrap();
    reader.reject(&"1.json".parse().unwrap(), &EntryError::NotAFile).unwrap();
    for number in 2..6 {
        reject(&mut reader, &queue, &format!("{number}.json"));
    }
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let error = failed.trim(2, Duration::from_secs(60)).unwrap_err().to_string();
    assert!(error.contains("cannot delete") && error.contains("1.json"), "{error}");
    assert_eq!(failed.list().unwrap().len(), 2);
    assert_eq!(failed.trim(2, Duration::from_secs(60)).unwrap(), 0);
}

#[test]
fn an_entry_with_the_longest_name_is_put_aside_with_its_reason() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let name = format!("{}.json", "1".repeat(250));
    queue.write(&name, r#"{"payload":1}"#);
    let entries = reader.scan(10, u64::MAX).unwrap();
    reader.reject(&entries[0].name, entries[0].events.as_ref().unwrap_err()).unwrap();
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    let listed = failed.list().unwrap();
    assert_eq!((listed[0].name.to_string(), &listed[0].reason[..]), (name, "no `event` key"));
    failed.drop_entry(&listed[0].name).unwrap();
    assert!(queue.failed().is_empty());
}

#[test]
fn a_link_in_place_of_the_folder_is_not_followed() {
    let (queue, elsewhere) = (Queue::new(), Queue::new());
    symlink(elsewhere.path(), queue.path().join("failed")).unwrap();
    queue.write("1.json", "{}");
    let error = queue.reader().reject(&"1.json".parse().unwrap(), &EntryError::NoName).unwrap_err();
    assert!(error.to_string().contains("1.json"), "{error}");
    assert!(elsewhere.failed().is_empty() && elsewhere.entries().is_empty());
    assert_eq!(queue.entries(), ["1.json"]);
}

#[test]
fn names_outside_of_the_folder_are_refused() {
    for name in ["../x.json", "a/b.json", ".x.json", "x", ""] {
        assert!(name.parse::<FileName>().is_err(), "{name}");
    }
}

#[test]
fn the_backlog_has_the_number_of_entries_and_the_age_of_the_oldest() {
    let queue = Queue::new();
    let backlog = || Backlog::of(&queue.path(), 1024).unwrap();
    assert_eq!(backlog(), Backlog::default());
    queue.enqueue(1);
    make_old(&queue.write("old.json", r#"{"event":"old"}"#));
    queue.write("notes.txt", "");
    assert_eq!((backlog().entries, backlog().other_files), (2, 0));
    assert!(backlog().oldest.unwrap() >= Duration::from_secs(3599));
}

#[test]
fn the_backlog_has_what_a_scan_takes_and_no_other_files() {
    let queue = Queue::new();
    let backlog = || Backlog::of(&queue.path(), 1024).unwrap();
    for (name, content) in [
        ("composer.json", r#"{"name":"vendor/package"}"#),
        ("17.json", r#"{"id":17,"total":3}"#),
        ("large.json", &format!("[{}]", " ".repeat(2048))),
        ("empty.json", ""),
    ] {
        make_old(&queue.write(name, content));
    }
    assert_eq!(backlog(), Backlog { other_files: 4, ..Backlog::default() });
    for (name, content) in [
        ("order.json", r#"{"id":1,"event":"order"}"#),
        ("half.json", r#"{"event":"ha"#),
        ("18.json", "garbage"),
        ("1729000000.1234_671234abc12de.json", "garbage"),
        ("019a3a5e-7f00-7000-8000-000000000000.json", ""),
    ] {
        queue.write(name, content);
    }
    assert_eq!((backlog().entries, backlog().other_files), (5, 4));
    assert_eq!(queue::entry_files(&queue.path(), 1024).len(), 5);
    assert!(backlog().oldest.unwrap() < Duration::from_secs(60));
}

#[test]
fn old_temporary_files_are_swept_and_young_ones_are_not() {
    let queue = Queue::new();
    let old = queue.write(".tmp-old.json", "half");
    make_old(&old);
    let young = queue.write(".tmp-young.json", "half");
    queue.reader().scan(10, u64::MAX).unwrap();
    assert!(!old.exists() && young.exists());
}

#[test]
fn a_pipe_in_place_of_a_reason_is_not_waited_for() {
    let queue = Queue::new();
    let name = reject(&mut queue.reader(), &queue, "1.json");
    let reason = queue.path().join("failed/1.json.reason");
    std::fs::remove_file(&reason).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &reason, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let failed = Failed::open(&queue.path()).unwrap().unwrap();
    assert_eq!(failed.list().unwrap()[0].reason, "unknown");
    failed.drop_entry(&name).unwrap();
    assert!(queue.failed().is_empty());
}

/// Puts `1.json` aside, in a thread of its own: waiting for a pipe would never end.
fn reject_in_time(queue: &Queue) -> FileName {
    let (mut reader, path) = (queue.reader(), queue.write("1.json", "{}"));
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let name: FileName = "1.json".parse().unwrap();
        reader.reject(&name.clone().into(), &EntryError::NoName).unwrap();
        done.send(name).unwrap();
    });
    let name = is_done.recv_timeout(Duration::from_secs(10)).expect("it waits for a pipe");
    assert!(!path.exists());
    name
}

#[test]
fn a_pipe_under_the_name_of_a_reason_does_not_keep_an_entry_from_being_put_aside() {
    let queue = Queue::new();
    let reason = queue.path().join("failed/1.json.reason");
    std::fs::create_dir(queue.path().join("failed")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &reason, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    reject_in_time(&queue);
    assert_eq!(std::fs::read_to_string(reason).unwrap(), "no `event` key\n");
}

#[test]
fn a_link_under_the_name_of_a_reason_is_replaced_and_its_target_stays_as_it_is() {
    for is_symbolic in [true, false] {
        let (queue, elsewhere) = (Queue::new(), Queue::new());
        let reason = queue.path().join("failed/1.json.reason");
        let kept = elsewhere.write("kept", "kept");
        std::fs::create_dir(queue.path().join("failed")).unwrap();
        if is_symbolic { symlink(&kept, &reason) } else { std::fs::hard_link(&kept, &reason) }.unwrap();
        reject_in_time(&queue);
        assert_eq!(std::fs::read_to_string(reason).unwrap(), "no `event` key\n");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "kept");
    }
}

#[test]
fn a_directory_under_the_name_of_a_reason_stays_and_the_entry_gets_another_name() {
    let queue = Queue::new();
    let directory = queue.path().join("failed/1.json.reason/deep");
    std::fs::create_dir_all(&directory).unwrap();
    reject_in_time(&queue);
    let listed = Failed::open(&queue.path()).unwrap().unwrap().list().unwrap();
    assert_eq!(listed[0].reason, "no `event` key (its name was 1.json)");
    assert!(directory.exists() && !queue.failed().contains(&"1.json".to_owned()));
}

#[test]
fn the_folder_is_made_without_the_set_group_id_bit_where_a_sandbox_forbids_it() {
    let queue = Queue::new();
    run_under(without_setgid(), || reject(&mut queue.reader(), &queue, "1.json"));
    assert_eq!(queue.failed(), ["1.json", "1.json.reason"]);
    let mode = std::fs::metadata(queue.path().join("failed")).unwrap().permissions().mode();
    assert_eq!(mode & 0o770, 0o770, "the group can delete");
}

#[test]
fn a_queue_directory_is_made_in_such_a_sandbox() {
    let queue = Queue::new();
    let path = queue.path().join("made");
    run_under(without_setgid(), || queue::create_directory(&path)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o770, 0o770);
    run_under(without_setgid(), || queue::create_directory(&path)).unwrap();
}
