//! Files that are neither entries nor of a queue: when a directory is refused because of them, and that they stay where
//! they are.

use std::fs::{File, FileTimes};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use queue::{OpenError, Reader, ReaderOptions};

use crate::util::{Queue, make_old, payloads};

const PROJECT: [(&str, &str); 4] = [
    ("composer.json", r#"{"name":"vendor/package","require":{}}"#),
    ("package.json", r#"{"name":"page"}"#),
    ("tsconfig.json", "{\n  // comments are allowed here\n  \"compilerOptions\": {}\n}"),
    ("17.json", r#"{"id":17,"total":3}"#),
];

fn open(path: &Path) -> Result<Reader, OpenError> {
    Reader::open(path, ReaderOptions::default())
}

#[test]
fn a_directory_with_other_files_is_refused_at_the_first_start_and_left_as_it_is() {
    for (name, content) in PROJECT.into_iter().chain([("index.php", "<?php"), ("notes", "")]) {
        let queue = Queue::new();
        queue.enqueue(1);
        queue.write(name, content);
        let error = open(&queue.path()).unwrap_err();
        assert!(matches!(&error, OpenError::NotAQueue { file, .. } if file == name), "{error}");
        assert!(error.to_string().contains(&format!("holds {name},")), "{error}");
        assert_eq!(
            std::fs::read_dir(queue.path()).unwrap().count(),
            2,
            "no lock file, or the next start would not be the first"
        );
        std::fs::remove_file(queue.path().join(name)).unwrap();
        assert_eq!(payloads(&queue.reader().scan(10, u64::MAX).unwrap()), ["1"]);
    }
}

#[test]
fn files_that_can_be_in_any_directory_are_accepted_at_the_first_start() {
    let queue = Queue::new();
    for (name, content) in [
        (".gitignore", "*"),
        (".tmp-019a3a5e-7f00-7000-8000-000000000000.json", "half"),
        ("order.json.tmp", "half"),
        ("1729000000.1234_671234abc12de.json", "half"),
        ("order.json", r#"{"id":1,"event":"order"}"#),
        ("half.json", r#"{"event":"ha"#),
        ("created.json", ""),
    ] {
        queue.write(name, content);
    }
    std::fs::create_dir(queue.path().join("lost+found")).unwrap();
    open(&queue.path()).unwrap();
}

#[test]
fn a_directory_that_was_consumed_is_never_refused() {
    let queue = Queue::new();
    drop(queue.reader());
    queue.write("notes.txt", "");
    PROJECT.into_iter().for_each(|(name, content)| drop(queue.write(name, content)));
    open(&queue.path()).unwrap();
    // Also when another program has deleted the lock file.
    std::fs::remove_file(queue.path().join(".lock")).unwrap();
    std::fs::create_dir(queue.path().join("failed")).unwrap();
    open(&queue.path()).unwrap();
}

#[test]
fn a_replaced_directory_is_opened_again_whatever_it_holds() {
    let queue = Queue::new();
    let reader = queue.reader();
    std::fs::rename(queue.path(), queue.path().with_extension("old")).unwrap();
    queue::create_directory(&queue.path()).unwrap();
    queue.write("notes.txt", "");
    queue.enqueue(1);
    assert_eq!(payloads(&reader.reopen().unwrap().scan(10, u64::MAX).unwrap()), ["1"]);
}

#[test]
fn files_that_are_no_attempts_at_events_stay_and_are_reported_once() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    PROJECT.into_iter().for_each(|(name, content)| make_old(&queue.write(name, content)));
    std::fs::create_dir(queue.path().join("pages.json")).unwrap();
    queue.enqueue(1);
    assert_eq!(payloads(&reader.scan(10, u64::MAX).unwrap()), ["1"]);
    assert_eq!(reader.take_other_files().unwrap().files, 5);
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    assert_eq!(reader.take_other_files(), None);
    assert!(
        PROJECT.iter().all(|(name, content)| std::fs::read_to_string(queue.path().join(name)).unwrap() == *content)
    );
}

#[test]
fn a_file_that_was_left_is_delivered_once_it_is_an_event() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    let path = queue.write("state.json", r#"{"name":"page"}"#);
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    queue.write("state.json", r#"{"event":"e","payload":1}"#);
    // First a file whose change is reported, then one that a listing finds changed.
    reader.scan_followed(10, u64::MAX).unwrap();
    reader.follow(path.file_name().unwrap());
    assert_eq!(payloads(&reader.scan_followed(10, u64::MAX).unwrap()), ["1"]);
    drop(reader);

    let mut reader = queue.reader();
    queue.write("state.json", r#"{"name":"page"}"#);
    assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
    queue.write("state.json", r#"{"event":"e","payload":2}"#);
    let deadline = Instant::now() + Duration::from_secs(30);
    let found = std::iter::repeat_with(|| reader.scan(10, u64::MAX).unwrap())
        .find(|entries| !entries.is_empty() || Instant::now() > deadline);
    assert_eq!(payloads(&found.unwrap()), ["2"]);
}

#[test]
fn a_broken_file_of_the_future_is_put_aside_when_its_grace_is_over() {
    let queue = Queue::new();
    let mut reader = queue.reader_with(ReaderOptions { grace: Duration::from_millis(50), ..ReaderOptions::default() });
    let path = queue.write("1-broken.json", "half");
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    File::options().write(true).open(&path).unwrap().set_times(FileTimes::new().set_modified(tomorrow)).unwrap();
    let began = Instant::now();
    loop {
        let entries = reader.scan(10, u64::MAX).unwrap();
        if let [entry] = &entries[..] {
            reader.reject(&entry.name, entry.events.as_ref().unwrap_err()).unwrap();
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it is read again for ever");
    }
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(queue.failed(), ["1-broken.json", "1-broken.json.reason"]);
}

#[test]
fn a_file_that_goes_on_growing_keeps_its_grace_period() {
    let queue = Queue::new();
    let mut reader = queue.reader_with(ReaderOptions { grace: Duration::from_secs(3600), ..ReaderOptions::default() });
    let mut content = String::from(r#"{"event":"e","payload":"#);
    for byte in "12345".chars() {
        queue.write("1.5_abc.json", &content);
        assert!(reader.scan(10, u64::MAX).unwrap().is_empty());
        content.push(byte);
    }
    let path = queue.write("1.5_abc.json", content + "}");
    reader.scan_followed(10, u64::MAX).unwrap();
    reader.follow(path.file_name().unwrap());
    assert_eq!(payloads(&reader.scan_followed(10, u64::MAX).unwrap()), ["12345"]);
}
