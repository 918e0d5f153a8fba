//! What is logged: few lines of a kind however hard somebody tries, an event's way by its uid, and no field that the
//! documents do not tell.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use serde_json::Value;
use testkit::{Broadcaster, HANDSHAKE, QueueDir, until};

use crate::history::{Page, queue};
use crate::support::{Client, broadcaster, connect, exchange};

const DOCUMENT: &str = include_str!("../../../docs/operations.md");

fn json(broadcaster: &Broadcaster) -> Vec<Value> {
    broadcaster.stderr().iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Microseconds of the day.
fn time_of(line: &Value) -> u64 {
    let text = line["timestamp"].as_str().unwrap();
    let (_, time) = text.trim_end_matches('Z').split_once('T').unwrap();
    let (seconds, micros) = time.split_once('.').unwrap();
    let seconds = seconds.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
    seconds * 1_000_000 + micros.parse::<u64>().unwrap()
}

/// A client that does everything wrong.
fn attack(queue: &QueueDir, broadcaster: &Broadcaster, round: usize) {
    let address = broadcaster.address();
    for number in 0..50 {
        let with =
            |line: &str| HANDSHAKE.replace("Upgrade: websocket", &format!("Upgrade: websocket\r\n{line}")).into_bytes();
        exchange(address, &with(&format!("Origin: https://{round}-{number}.example")));
        exchange(address, &HANDSHAKE.replace("localhost", &format!("{round}-{number}.example")).into_bytes());
        exchange(address, b"GET / HTTP/7.0\r\n\r\n");
        exchange(address, &[0xff; 2000]);
        queue.write(&format!("{round}-{number}.json"), "no event");
        queue.write(&format!("other-{round}-{number}.json"), r#"{"name":"of another program"}"#);
        // A message in many frames, and more than may be sent in a second.
        let mut stream = connect(address).unwrap();
        stream.write_all(HANDSHAKE.as_bytes()).unwrap();
        let head = crate::support::read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let frames = [&[0x01, 0x80, 0, 0, 0, 0][..], &[0x00, 0x80, 0, 0, 0, 0].repeat(3000)].concat();
        let _ = stream.write_all(&frames);
    }
}

#[test]
fn an_attacker_causes_a_line_a_second_of_each_kind_at_most() {
    let queue = QueueDir::new();
    let flags = ["--log-format", "json", "--allowed-hosts", "localhost,127.0.0.1", "--entry-grace-secs", "0.01"];
    let flags = [&flags[..], &["--failed-max-entries", "4"]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let begin = std::time::Instant::now();
    let mut rounds = 0;
    while begin.elapsed().as_secs() < 3 {
        attack(&queue, &broadcaster, rounds);
        rounds += 1;
    }
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    drop(client);
    broadcaster.stop();
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in json(&broadcaster) {
        times.entry(line["fields"]["message"].as_str().unwrap().to_owned()).or_default().push(time_of(&line));
    }
    for (message, times) in &times {
        let shortest = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        // The time of the line is taken a moment after the limit has allowed it.
        assert!(shortest.is_none_or(|micros| micros > 950_000), "{message}: {times:?}");
    }
    for told in ["not among allowed_hosts", "not among allowed_origins", "kept in failed/", "files that are no events"]
    {
        assert!(times.keys().any(|message| message.contains(told)), "{told}: {:?}", times.keys());
    }
}

#[test]
fn an_event_is_followed_by_its_uid_from_the_queue_to_the_sockets() {
    let directory = QueueDir::new();
    let mut broadcaster = broadcaster::with(&directory.path(), &["--log-format", "json", "--log-level", "debug"]);
    let mut page = Page::open(broadcaster.address());
    queue(&directory.path(), 7, None);
    page.gets([7]);
    directory.enqueue(8);
    page.gets([8]);
    until("both are acked", || directory.waiting() == 0);
    broadcaster.stop();
    let mut steps: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in json(&broadcaster) {
        if let Some(uid) = line["fields"]["uid"].as_str() {
            assert_eq!(line["level"], "DEBUG");
            steps.entry(uid.to_owned()).or_default().push(line["fields"]["message"].as_str().unwrap().to_owned());
        }
    }
    let expected = ["event read from the queue", "event published", "event offered to the sockets of its clients"];
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(steps.values().all(|steps| *steps == expected), "{steps:?}");
}

/// The names in the first column of the tables under "Log lines".
fn documented() -> BTreeSet<&'static str> {
    let (_, part) = DOCUMENT.split_once("### Log lines\n").unwrap();
    let rows = part.split("\nThe log never").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| row.split(" | ").next().unwrap().split(',')).map(|name| name.trim().trim_matches('`')).collect()
}

#[test]
fn every_field_of_a_line_is_documented() {
    let directory = QueueDir::new();
    let flags = ["--log-format", "json", "--log-level", "debug", "--entry-grace-secs", "0.01"];
    let flags = [&flags[..], &["--allowed-hosts", "localhost,127.0.0.1", "--max-connections", "100"]].concat();
    let mut broadcaster = broadcaster::with(&directory.path(), &flags);
    attack(&directory, &broadcaster, 0);
    let mut page = Page::open(broadcaster.address());
    queue(&directory.path(), 7, None);
    page.gets([7]);
    broadcaster.signal(testkit::Signal::HUP);
    broadcaster.await_log("were read again");
    broadcaster.stop();
    let documented = documented();
    for line in json(&broadcaster) {
        let (line, fields) = (line.as_object().unwrap(), line["fields"].as_object().unwrap());
        for name in line.keys().chain(fields.keys()) {
            assert!(documented.contains(name.as_str()), "{name} of {line:?} is not in docs/operations.md");
        }
    }
    for name in ["timestamp", "level", "target", "fields", "message", "uid", "suppressed"] {
        assert!(documented.contains(name), "{name}");
    }
}

/// The names of fields in the lines that the code writes: `name = value`, `%name`, `?name`, or a name alone.
fn written(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for macro_name in ["error!(", "warn!(", "info!(", "debug!("] {
        for (at, _) in source.match_indices(macro_name) {
            let arguments = &source[at + macro_name.len()..];
            let fields = arguments.split('"').next().unwrap_or_default();
            let is_name =
                |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            for field in fields.split(',') {
                let name = field.split('=').next().unwrap_or_default().trim().trim_start_matches(['%', '?']);
                if is_name(name) {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    names
}

#[test]
fn every_field_that_the_code_writes_is_documented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let documented = documented();
    let mut directories = vec![root.join("server/src"), root.join("broadcaster/src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let missing: Vec<String> = written(&std::fs::read_to_string(&path).unwrap())
                    .into_iter()
                    .filter(|name| !documented.contains(name.as_str()))
                    .collect();
                assert!(missing.is_empty(), "{}: {missing:?}", path.display());
            }
        }
    }
}
