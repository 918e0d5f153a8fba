//! Settings that no server can have, and environments that other programs have made.

use std::path::Path;

use crate::broadcaster::{BINARY, Broadcaster, arguments, command};
use crate::queue_dir::QueueDir;

/// Exit code and standard error of a broadcaster that is expected to end.
fn refused(queue: &Path, flags: &[&str]) -> (i32, String) {
    let mut broadcaster = command("timeout");
    broadcaster.args(["10", BINARY]).args(arguments(queue)).args(flags);
    let output = broadcaster.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Every setting that is a number.
const NUMBERS: [&str; 18] = [
    "entry-grace-secs",
    "failed-max-age-secs",
    "failed-max-entries",
    "handshake-timeout-secs",
    "hub-threads",
    "log-bytes",
    "max-bytes-per-sec",
    "max-connections",
    "max-connections-per-address",
    "max-event-bytes",
    "max-memory",
    "max-message-bytes",
    "max-messages-per-sec",
    "max-outbox-bytes",
    "ping-interval-secs",
    "pong-timeout-secs",
    "scan-interval-secs",
    "slow-client-timeout-secs",
];

#[test]
fn a_number_that_no_server_can_have_is_refused_and_no_event_is_lost() {
    let help = command(BINARY).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let is_number = |line: &&str| ["<BYTES>", "<COUNT>", "<SECONDS>"].iter().any(|kind| line.contains(kind));
    let told = help.lines().filter(is_number).count();
    assert_eq!(told, NUMBERS.len() + 1, "the list has every number but shutdown-grace-secs, which all tests give");

    let queue = QueueDir::new();
    queue.enqueue(1);
    for flag in NUMBERS {
        for number in ["18446744073709551615", "9223372036854775808", "9223372036854775807"] {
            let flag = format!("--{flag}");
            let (code, error) = refused(&queue.path(), &[&flag, number]);
            let key = flag.trim_start_matches('-').replace('-', "_");
            assert!(error.contains(&flag) || error.contains(&key), "{flag} {number}: {error}");
            assert!(!error.contains("panicked"), "{flag} {number}: {error}");
            assert_eq!(code, 64, "{flag} {number}: {error}");
        }
    }
    assert_eq!(queue.waiting(), 1);
}

#[test]
fn the_largest_numbers_that_are_taken_serve_clients() {
    let queue = QueueDir::new();
    let tebibyte = (1_u64 << 40).to_string();
    let half = (1_u64 << 39).to_string();
    let count = (1_u64 << 30).to_string();
    let flags = [
        ["--max-event-bytes", &half],
        ["--log-bytes", &tebibyte],
        ["--max-memory", &tebibyte],
        ["--hub-threads", "1"],
        ["--max-message-bytes", &tebibyte],
        ["--max-outbox-bytes", &tebibyte],
        ["--max-connections", &count],
        ["--max-connections-per-address", &count],
        ["--failed-max-entries", &count],
        ["--failed-max-age-secs", "3153600000"],
    ];
    let mut broadcaster = Broadcaster::with(&queue.path(), &flags.concat());
    let mut client = broadcaster.connect();
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    assert!(broadcaster.log_lines("panicked").is_empty());
    broadcaster.stop();
}
