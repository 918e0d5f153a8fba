//! What `Writer::enqueue` leaves behind, and what it refuses.

use std::os::unix::fs::{MetadataExt, symlink};

use queue::{Durability, EnqueueError, Writer};
use tempfile::TempDir;

use crate::util::Queue;

#[test]
fn the_first_event_creates_the_directory_for_owner_and_group() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("var/events");
    let name = Writer::new(&path).enqueue(br#""a""#, b"1").unwrap();

    let directory = std::fs::metadata(&path).unwrap();
    assert_eq!(directory.mode() & 0o7777, 0o2770);
    let entry = std::fs::metadata(path.join(name.as_os_str())).unwrap();
    assert_eq!(entry.mode() & 0o137, 0, "an entry is for owner and group: {:o}", entry.mode());
    assert_eq!(entry.gid(), directory.gid());
}

#[test]
fn an_entry_has_the_documented_content() {
    let queue = Queue::new();
    queue.writer().enqueue(br#""a\/b""#, br#"{"x":[1,2]}"#).unwrap();
    let content = std::fs::read_to_string(queue.path().join(&queue.entries()[0])).unwrap();

    let rest = content.strip_prefix(r#"{"event":"a\/b","payload":{"x":[1,2]},"timestamp":"#).unwrap();
    let (secs, rest) = rest.split_once(r#","queued_at":"#).unwrap();
    assert!(secs.parse::<u64>().unwrap() > 1_700_000_000);
    let queued_at = rest.strip_suffix('}').unwrap();
    assert_eq!(queued_at.split_once('.').unwrap().0, secs);
    assert_eq!(queued_at.split_once('.').unwrap().1.len(), 6);
}

#[test]
fn every_durability_writes_the_entry() {
    let queue = Queue::new();
    for durability in [Durability::None, Durability::Data, Durability::Full] {
        queue.writer().durability(durability).enqueue(br#""a""#, b"1").unwrap();
    }
    assert_eq!(queue.entries().len(), 3);
}

#[test]
fn too_large_an_event_is_refused_and_leaves_nothing() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("events");
    let error = Writer::new(&path).max_event_bytes(100).enqueue(br#""a""#, &[b'1'; 100]).unwrap_err();
    assert!(matches!(error, EnqueueError::TooLarge { limit: 100, .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn an_error_explains_what_was_wrong_when_it_occurred() {
    let root = TempDir::new().unwrap();
    let (link, target) = (root.path().join("link"), root.path().join("target"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let error = Writer::new(&link).enqueue(br#""a""#, b"1").unwrap_err();
    std::fs::remove_file(&link).unwrap();
    assert!(error.to_string().contains("which is missing: create that directory"), "{error}");
}

#[test]
fn impossible_paths_are_refused_with_path_and_cause() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let cycle = root.path().join("cycle");
    symlink(&cycle, &cycle).unwrap();

    let refused = |path: &std::path::Path| Writer::new(path).enqueue(br#""a""#, b"1").unwrap_err().to_string();
    assert_eq!(refused("".as_ref()), "the queue path is empty");
    assert_eq!(refused("a\0b".as_ref()), "the queue path contains a NUL byte");
    assert!(refused(&file).contains("file: Not a directory"), "{}", refused(&file));
    assert!(refused(&file.join("below")).contains("Not a directory"));
    assert!(refused(&cycle).contains("Too many levels of symbolic links"));
    assert!(refused("/proc/events".as_ref()).starts_with("cannot "));
}

#[test]
fn producers_in_several_threads_lose_nothing() {
    let queue = Queue::new();
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let queue = &queue;
            scope.spawn(move || (0..250).for_each(|number| queue.enqueue(producer * 1000 + number)));
        }
    });
    assert_eq!(queue.entries().len(), 1000);
}
