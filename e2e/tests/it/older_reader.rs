//! An older broadcaster leaves entries of several events alone, because it would send them to everybody. Its reader is
//! built from the commit before there were such entries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use queue::{NewEvent, Priority, Uid, Writer};
use testkit::{QueueDir, make_old, skipped};

use crate::harness::built::repository;

/// The last commit whose reader knows only `*.json`.
const COMMIT: &str = "5a83c833218931cfdbfc2061935e38c001112ef8";

/// Takes all that a broadcaster would: what is reported, then what two listings show. Deletes what is an event and puts
/// aside what is none.
const CONSUMER: &str = r#"
use std::time::Duration;
use queue::{Reader, ReaderOptions};

fn main() {
    let path = std::env::args().nth(1).expect("a path");
    let options = ReaderOptions { grace: Duration::ZERO, ..ReaderOptions::default() };
    let mut reader = Reader::open(&path, options).expect("a reader");
    let take = |reader: &mut Reader, follows: bool| {
        let entries = if follows { reader.scan_followed(100, u64::MAX) } else { reader.scan(100, u64::MAX) };
        for entry in entries.expect("a scan") {
            match entry.event {
                Ok(event) => {
                    println!("{}", event.payload_json());
                    reader.ack(&entry.name).expect("an ack");
                }
                Err(reason) => {
                    println!("rejected: {reason}");
                    reader.reject(&entry.name, &reason).expect("a rejection");
                }
            }
        }
    };
    take(&mut reader, false);
    for file in std::fs::read_dir(&path).expect("a directory") {
        reader.follow(&file.expect("a file").file_name());
    }
    take(&mut reader, true);
    take(&mut reader, false);
    println!("other files: {}", reader.take_other_files().map_or(0, |other_files| other_files.files));
}
"#;

#[test]
fn an_older_reader_leaves_entries_of_several_events_where_they_are() {
    let Some(consumer) = build() else { return };
    let queue = QueueDir::new();
    // The directory was consumed before: an older broadcaster refuses a new one with files that it does not know.
    fs::create_dir(queue.path().join("failed")).unwrap();
    let event = NewEvent {
        uid: Uid::new(),
        name_json: br#""secret""#,
        payload_json: b"\"secret\"",
        channels: None,
        ttl: None,
        key: None,
        except: None,
    };
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        Writer::new(queue.path()).enqueue_events(&[event, event], priority).unwrap();
    }
    let garbage = queue.write("019a3a5e-7f00-7000-8000-000000000000.events", "garbage");
    queue.enqueue("\"for everybody\"");
    queue.names().iter().for_each(|name| make_old(&queue.path().join(name), std::time::Duration::from_secs(3600)));
    let before = contents(&queue);
    assert_eq!(before.len(), 4);

    let output = Command::new(consumer).arg(queue.path()).output().unwrap();
    assert_eq!(text(&output), "\"for everybody\"\nother files: 0\n");
    assert_eq!(contents(&queue), before);
    assert!(queue.failed().is_empty() && garbage.exists());
}

/// The entries of several events, and what is in them.
fn contents(queue: &QueueDir) -> Vec<(String, Vec<u8>)> {
    let names = queue.entries().into_iter().filter(|name| name.ends_with(".events"));
    names.map(|name| (name.clone(), fs::read(queue.path().join(name)).unwrap())).collect()
}

/// Builds the consumer with the queue crate of that commit. None if the history does not go back so far.
fn build() -> Option<PathBuf> {
    let has_commit = Command::new("git").args(["cat-file", "-e", COMMIT]).current_dir(repository()).output();
    if !has_commit.is_ok_and(|output| output.status.success()) {
        skipped("the commit before entries of several events is not in this copy of the repository");
        return None;
    }
    // Kept, so that only the first run builds it.
    let directory = repository().join("target/older-reader");
    let source = directory.join("source");
    fs::create_dir_all(&source).unwrap();
    let archive = directory.join("source.tar");
    run(Command::new("git").args(["archive", "--output"]).arg(&archive).arg(COMMIT).current_dir(repository()));
    run(Command::new("tar").arg("--extract").arg("--directory").arg(&source).arg("--file").arg(&archive));
    let example = source.join("queue/examples/consume.rs");
    fs::create_dir_all(example.parent().unwrap()).unwrap();
    fs::write(example, CONSUMER).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "-p", "fastapi-websocket-queue", "--example", "consume"]);
    run(build.current_dir(&source).env("CARGO_TARGET_DIR", &directory));
    Some(directory.join(Path::new("debug/examples/consume")))
}

fn run(command: &mut Command) {
    text(&command.output().unwrap());
}

fn text(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}
