//! Bad entries that cannot be put aside, many of them, and those of other times.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, mknodat};
use testkit::{Broadcaster, Finish as _, QueueDir, sandbox, until};

use crate::support::{BINARY, Client, broadcaster, broadcaster_command, command};

/// More than may wait for their ack.
const FLOOD: usize = 66_000;

#[test]
fn bad_entries_that_cannot_be_put_aside_stop_no_good_one() {
    let queue = QueueDir::in_memory();
    let folder = queue.path().join("failed");
    fs::write(&folder, "").unwrap();
    (0..FLOOD).for_each(|number| drop(queue.write(&format!("{number}.json"), r#"{"payload":1}"#)));
    let mut broadcaster = broadcaster::with(&queue.path(), &["--failed-max-entries", "100000"]);
    let mut client = Client::of(&broadcaster);
    for number in 0..100 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    until("the good ones are acked", || queue.waiting() == FLOOD);
    let lines = broadcaster.log_lines("cannot be put aside");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("/failed: ") && lines[0].contains("move away what is there"), "{lines:?}");

    fs::remove_file(folder).unwrap();
    until("many are put aside", || queue.waiting() < FLOOD - 10_000);
    let lines = broadcaster.log_lines("kept in failed/").len();
    assert!((1..100).contains(&lines), "{lines} lines");
    queue.enqueue("\"last\"");
    assert_eq!(client.payload(), "\"last\"");
    broadcaster.stop();
}

#[test]
fn a_pipe_under_the_name_of_a_reason_stops_neither_delivery_nor_the_broadcaster() {
    let queue = QueueDir::new();
    fs::create_dir(queue.path().join("failed")).unwrap();
    mknodat(CWD, queue.path().join("failed/1.json.reason"), FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    queue.write("1.json", r#"{"payload":1}"#);
    until("it is put aside", || queue.failed() == ["1.json", "1.json.reason"]);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
}

#[test]
fn a_bad_entry_is_put_aside_where_a_sandbox_forbids_the_set_group_id_bit() {
    let queue = QueueDir::new();
    let mut broadcaster =
        sandbox::run_under(sandbox::without_setgid(), || Broadcaster::spawn(broadcaster_command(&queue.path())))
            .listening();
    queue.write("1.json", r#"{"payload":1}"#);
    until("it is put aside", || queue.failed() == ["1.json", "1.json.reason"]);
    assert!(broadcaster.log_lines("cannot be put aside").is_empty());
    broadcaster.stop();
}

#[test]
fn broken_files_of_the_future_are_put_aside_and_not_read_for_ever() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--entry-grace-secs", "0.2"]);
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    for number in 0..100 {
        let path = queue.write(&format!("{number}.json"), "half");
        let file = File::options().write(true).open(path);
        // It may be put aside as what it is before that.
        let _ = file.and_then(|file| file.set_times(FileTimes::new().set_modified(tomorrow)));
    }
    until("all are put aside", || queue.failed().len() == 200);
    broadcaster.assert_idle();
    broadcaster.stop();
}

#[test]
fn a_directory_under_an_entrys_name_stops_neither_trimming_nor_dropping() {
    let queue = QueueDir::new();
    let planted = queue.path().join("1.json");
    fs::create_dir(&planted).unwrap();
    fs::write(planted.join("file"), "").unwrap();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--failed-max-entries", "3"]);
    for number in 2..10 {
        queue.write(&format!("{number}.json"), r#"{"payload":1}"#);
        until("it is put aside", || !queue.path().join(format!("{number}.json")).exists());
    }
    until("the folder is bounded", || queue.failed().len() <= 6);
    let drop_all = command(BINARY).args(["failed", "drop", "--all", "--queue"]).arg(queue.path()).finish();
    assert!(drop_all.status.success(), "{drop_all:?}");
    assert!(queue.failed().is_empty());
    broadcaster.stop();
}
