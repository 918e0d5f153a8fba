//! A queue path that names a directory of other files, and other files that come into a queue.

use std::fs;
use std::time::Duration;

use testkit::{Broadcaster, Finish as _, QueueDir, make_old, until};

use crate::support::{BINARY, Client, broadcaster, broadcaster_command, command};

const PROJECT: [(&str, &str); 3] = [
    ("composer.json", r#"{"name":"vendor/package"}"#),
    ("package.json", r#"{"name":"page"}"#),
    ("tsconfig.json", "{ // comments are allowed here\n}"),
];

/// Longer than entries are kept in `failed/`.
const OLD: Duration = Duration::from_secs(40 * 86_400);

fn write_project(queue: &QueueDir) {
    PROJECT.into_iter().for_each(|(name, content)| make_old(&queue.write(name, content), OLD));
}

fn is_untouched(queue: &QueueDir) -> bool {
    PROJECT
        .into_iter()
        .all(|(name, content)| fs::read_to_string(queue.path().join(name)).is_ok_and(|read| read == content))
}

#[test]
fn a_directory_with_other_files_is_refused_at_the_first_start() {
    let queue = QueueDir::new();
    write_project(&queue);
    // The second start is refused as well: the first has left nothing behind.
    for _ in 0..2 {
        let mut refused = Broadcaster::spawn(broadcaster_command(&queue.path()));
        assert_eq!(refused.await_exit().code(), Some(64));
        let is_reported = |line: &String| PROJECT.iter().any(|(name, _)| line.contains(&format!("holds {name},")));
        until("it says why", || refused.log_lines("name one that is for events alone").iter().any(is_reported));
        assert_eq!(queue.names(), ["composer.json", "package.json", "tsconfig.json"]);
    }
    assert!(is_untouched(&queue));
}

#[test]
fn the_doctor_calls_a_directory_bad_that_the_broadcaster_refuses() {
    let queue = QueueDir::new();
    write_project(&queue);
    let mut doctor = command(BINARY);
    let output = doctor.args(["doctor", "--queue"]).arg(queue.path()).env("PHP", "/nowhere/php").finish();
    let report = String::from_utf8(output.stdout).unwrap();
    let found =
        report.lines().position(|line| line.starts_with("BAD  queue directory") && line.contains("does not seem"));
    let remedy = report.lines().nth(found.expect(&report) + 1).unwrap();
    assert_eq!(remedy, "     -> name the directory of the events with --queue, or move the other files away");
    assert_eq!(output.status.code(), Some(1));
    assert!(is_untouched(&queue) && queue.names().len() == PROJECT.len());
}

#[test]
fn other_files_in_a_used_queue_stay_where_they_are_and_stop_nothing() {
    let queue = QueueDir::new();
    broadcaster::start(&queue.path()).stop();
    write_project(&queue);
    let mut broadcaster =
        broadcaster::with(&queue.path(), &["--entry-grace-secs", "0.05", "--failed-max-entries", "3"]);
    let mut client = Client::of(&broadcaster);
    queue.write("1.json", r#"{"payload":1}"#);
    until("the bad entry is put aside", || queue.failed().len() == 2);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.await_log("they stay where they are");
    queue.write("readme.json", "");
    make_old(&queue.path().join("readme.json"), OLD);
    queue.enqueue(2);
    assert_eq!(client.payload(), "2");
    assert!(is_untouched(&queue) && queue.path().join("readme.json").exists());
    assert_eq!(broadcaster.log_lines("they stay where they are").len(), 1);
    broadcaster.assert_idle();
    broadcaster.stop();
}

#[test]
fn an_old_file_is_kept_in_failed_from_when_it_was_rejected() {
    let queue = QueueDir::new();
    // So few entries that the folder is looked after at once when something comes into it.
    let mut broadcaster = broadcaster::with(&queue.path(), &["--failed-max-entries", "3"]);
    for number in 1..=3 {
        // Moved there, so that it is never seen young.
        let path = queue.root().join("bad");
        fs::write(&path, r#"{"payload":1}"#).unwrap();
        make_old(&path, OLD);
        fs::rename(path, queue.path().join(format!("{number}.json"))).unwrap();
        until("it is put aside", || queue.failed().len() == 2 * number);
    }
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
    assert_eq!(queue.failed().len(), 6);
}

#[test]
fn versions_of_one_file_are_delivered_each() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    for version in 0..200 {
        let content = format!(r#"{{"event":"test","payload":{version}}}"#);
        // By rename: a producer that has opened the file when it is acked would write into one that has no name any
        // more.
        fs::rename(queue.write("state.tmp", &content), queue.path().join("state.json")).unwrap();
        // The client may have it before it is acked.
        assert_eq!(client.payload(), version.to_string());
    }
    until("the last one is acked", || queue.waiting() == 0);
    broadcaster.stop();
}
