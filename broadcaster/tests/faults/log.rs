//! A log that takes no lines: a full disk, a reader that is gone, and one that does not read. Serving goes on, and what
//! was lost is counted when lines can be written again.

use std::fs::{self, File};
use std::io::{PipeReader, Read, pipe};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, prlimit};
use testkit::{Broadcaster, QueueDir, has_root, until};

use crate::support::systemd::command_with_socket;
use crate::support::{BINARY, Client, arguments, broadcaster, command, health};

/// A broadcaster that logs every entry and every client to `stderr`.
fn talkative(queue: &QueueDir, stderr: impl Into<Stdio>) -> Broadcaster {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = command_with_socket(&queue.path());
    command.env("RUST_LOG", "trace");
    broadcaster::with_socket(command, &socket, stderr)
}

/// Clients come, events arrive, a bad entry is put aside, and the health check is good.
fn assert_serves(broadcaster: &mut Broadcaster, queue: &QueueDir) {
    for number in 0..10 {
        let mut client = Client::of(broadcaster);
        queue.enqueue(number);
        // Another thread of the hub may still have had the last one to send.
        while client.payload() != number.to_string() {}
    }
    queue.write("no-event.json", r#"{"payload":1}"#);
    until("the bad entry is put aside", || queue.failed().iter().any(|name| name == "no-event.json"));
    assert_eq!(health(broadcaster.address()).0, 200);
    assert!(!broadcaster.has_exited());
}

/// The counts in the lines about lost lines.
fn dropped(log: &str) -> Vec<u64> {
    let count = |line: &str| line.split("lines=").nth(1).unwrap().trim().parse().unwrap();
    log.lines().filter(|line| line.contains("log lines were dropped")).map(count).collect()
}

#[test]
fn a_log_that_takes_nothing_does_not_stop_the_server() {
    let queue = QueueDir::new();
    let mut broadcaster = talkative(&queue, File::options().write(true).open("/dev/full").unwrap());
    assert_serves(&mut broadcaster, &queue);
    broadcaster.stop();
}

#[test]
fn a_log_file_that_has_reached_the_largest_size_does_not_stop_the_server() {
    let queue = QueueDir::new();
    let (socket, log) = (TcpListener::bind("127.0.0.1:0").unwrap(), queue.root().join("log"));
    let mut command = command_with_socket(&queue.path());
    command.env("RUST_LOG", "trace");
    let mut broadcaster = broadcaster::with_socket(command, &socket, File::create(&log).unwrap());
    let limit = Rlimit { current: Some(16 * 1024), maximum: Some(16 * 1024) };
    prlimit(Some(broadcaster.pid()), Resource::Fsize, limit).unwrap();
    until("the log is full", || {
        assert_serves(&mut broadcaster, &queue);
        fs::metadata(&log).unwrap().len() == 16 * 1024
    });
    assert_serves(&mut broadcaster, &queue);
    broadcaster.stop();
}

#[test]
fn a_log_whose_reader_is_gone_does_not_stop_the_server() {
    let queue = QueueDir::new();
    let (reader, writer) = pipe().unwrap();
    let mut broadcaster = talkative(&queue, writer);
    assert_serves(&mut broadcaster, &queue);
    drop(reader);
    assert_serves(&mut broadcaster, &queue);
    broadcaster.stop();
}

#[test]
fn lines_that_a_full_disk_does_not_take_are_counted_and_reported_when_there_is_room() {
    if !has_root("to mount a file system") {
        return;
    }
    let (queue, disk) = (QueueDir::new(), QueueDir::mounted("64k"));
    let path = disk.root().join("log");
    let log = File::options().create(true).append(true).open(&path).unwrap();
    let mut broadcaster = talkative(&queue, log);
    until("it has begun to log", || fs::metadata(&path).unwrap().len() > 0);
    let filler: PathBuf = disk.root().join("filler");
    fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    let mut size = u64::MAX;
    until("the disk is full", || {
        assert_serves(&mut broadcaster, &queue);
        let grown = std::mem::replace(&mut size, fs::metadata(&path).unwrap().len());
        grown == size
    });
    assert_serves(&mut broadcaster, &queue);
    fs::remove_file(filler).unwrap();
    assert_serves(&mut broadcaster, &queue);
    broadcaster.stop();
    let log = fs::read_to_string(&path).unwrap();
    let dropped = dropped(&log);
    assert!(dropped.len() == 1 && dropped[0] > 10, "{dropped:?}");
    assert!(log.lines().all(|line| line.starts_with("20")), "no line follows a torn one on the same line: {log}");
    assert!(log.ends_with("stopped\n"), "the last line is there: {log}");
}

/// Publishes until more was logged than a pipe and the broadcaster keep: all of it is lost.
fn flood(broadcaster: &mut Broadcaster, queue: &QueueDir) {
    let mut client = Client::of(broadcaster);
    let long = "x".repeat(4000);
    for number in 0..1500 {
        let name = format!("\"{long}{number}\"");
        queue::Writer::new(queue.path()).enqueue(name.as_bytes(), b"1").unwrap();
        if number % 100 == 99 {
            for _ in 0..100 {
                client.next().unwrap();
            }
        }
    }
    // No other client gets any of it.
    until("the flood is over", || queue.waiting() == 0);
}

/// Reads to the end on a thread of its own.
fn read(mut reader: PipeReader) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        log
    })
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_events_nor_the_end() {
    let queue = QueueDir::new();
    let (_reader, writer) = pipe().unwrap();
    let mut broadcaster = talkative(&queue, writer);
    flood(&mut broadcaster, &queue);
    assert_serves(&mut broadcaster, &queue);
    let asked = Instant::now();
    broadcaster.stop();
    assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?} to stop", asked.elapsed());
}

#[test]
fn lines_that_find_no_place_are_counted_and_reported_when_somebody_reads_again() {
    let queue = QueueDir::new();
    let (reader, writer) = pipe().unwrap();
    let mut broadcaster = talkative(&queue, writer);
    flood(&mut broadcaster, &queue);
    let log = read(reader);
    assert_serves(&mut broadcaster, &queue);
    broadcaster.stop();
    let log = log.join().unwrap();
    let (dropped, written) = (dropped(&log), log.lines().filter(|line| line.contains("event read")).count() as u64);
    // Of 1,500 entries of the flood and those that came later, some were logged, and the others counted.
    assert!(dropped.len() == 1 && dropped[0] > 500, "{dropped:?}");
    assert!(written < 1200 && dropped[0] + written >= 1500, "{written} written, {dropped:?} dropped");
    assert!(log.ends_with("stopped\n"), "the last line is there");
}

#[test]
fn closed_standard_streams_are_no_place_for_a_socket() {
    let queue = QueueDir::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut shell = command("sh");
    let script = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 0<&- 1>&- 2>&-";
    shell.args(["-c", script, BINARY]).args(arguments(&queue.path()));
    shell.env("RUST_LOG", "trace");
    let mut broadcaster = broadcaster::with_socket(shell, &socket, Stdio::null());
    assert_serves(&mut broadcaster, &queue);
    for number in 0..3 {
        let link = fs::read_link(format!("/proc/{}/fd/{number}", broadcaster.pid())).unwrap();
        assert_eq!(link.to_str(), Some("/dev/null"), "{number}");
    }
    broadcaster.stop();
}
