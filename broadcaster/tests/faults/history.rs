//! Clients that come back after the broadcaster was stopped, killed or replaced: they get exactly what they have missed,
//! or are told that they may have missed something.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use queue::{NewEvent, Priority, Uid, Writer};
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::{Broadcaster, HANDSHAKE, QueueDir, free_address, has_root, until};
use tungstenite::Message;

use crate::support::{Client, broadcaster, command_on, connect_with_small_buffer, standby};

/// Queues an event with the name `test` for the channel `a`.
pub(crate) fn queue(path: &Path, payload: usize, key: Option<&str>) {
    let (payload, channels) = (payload.to_string(), ["a".parse().unwrap()]);
    let event = NewEvent {
        uid: Uid::new(),
        name_json: br#""test""#,
        payload_json: payload.as_bytes(),
        channels: Some(&channels),
        ttl: None,
        key,
        except: None,
    };
    Writer::new(path).enqueue_events(&[event], Priority::Normal).unwrap();
}

/// A client of the channel `a` and of what is for everybody.
pub(crate) struct Page {
    client: Client,
    /// Its position.
    pub(crate) id: String,
}

impl Page {
    pub(crate) fn open(address: SocketAddr) -> Page {
        Page::visit(address, "/?channel=a").0
    }

    /// Comes back, and returns whether it gets all that it has missed.
    fn back(&mut self, address: SocketAddr) -> bool {
        let (page, welcome) = Page::visit(address, &format!("/?channel=a&after={}", self.id));
        *self = page;
        welcome["recovered"].as_bool().unwrap_or_else(|| panic!("{welcome}"))
    }

    pub(crate) fn visit(address: SocketAddr, target: &str) -> (Page, Value) {
        let mut page = Page { client: Client::at(address, target), id: String::new() };
        let welcome = page.message();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        (page, welcome)
    }

    fn message(&mut self) -> Value {
        let text = match self.client.next() {
            Ok(Message::Text(text)) => text,
            other => panic!("{other:?} instead of a message"),
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        self.id = message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}")).to_owned();
        message
    }

    /// Checks that these come next.
    pub(crate) fn gets(&mut self, payloads: impl IntoIterator<Item = usize>) {
        for payload in payloads {
            let message = self.message();
            assert_eq!(message["payload"], json!(payload), "{message}");
        }
    }
}

/// Waits until everything that was queued is acked.
fn drained(queue: &QueueDir) {
    until("the queue is drained", || queue.waiting() == 0);
}

#[test]
fn a_client_that_was_away_while_the_broadcaster_was_started_again_gets_exactly_what_it_missed() {
    let directory = QueueDir::new();
    let path = directory.path();
    let mut broadcaster = broadcaster::start(&path);
    let mut page = Page::open(broadcaster.address());
    let mut number = 0;
    let mut queue_some = |count: usize| {
        let from = number;
        for _ in 0..count {
            queue(&path, number, None);
            number += 1;
        }
        from..number
    };
    for round in 0..4 {
        page.gets(queue_some(3));
        page.client.send(Message::Close(None));
        assert!(page.client.close_code() > 0);
        // While it is away, while nobody reads, and when somebody reads again.
        let before = queue_some(3);
        drained(&directory);
        if round % 2 == 0 {
            broadcaster.stop();
        } else {
            broadcaster.kill();
        }
        let while_down = queue_some(3);
        broadcaster = broadcaster::start(&path);
        drained(&directory);
        let after = queue_some(3);
        assert!(page.back(broadcaster.address()), "round {round}: {:?}", broadcaster.stderr());
        page.gets(before.chain(while_down).chain(after));
    }
    broadcaster.stop();
    let mode = fs::metadata(path.join("history")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn entries_that_waited_at_a_kill_come_once_to_clients_that_resume() {
    const EVENTS: usize = 40;
    let directory = QueueDir::in_memory();
    let mut broadcaster = broadcaster::with(&directory.path(), &["--max-event-bytes", "1000000"]);
    let mut page = Page::open(broadcaster.address());
    // It does not read, so what it does not take is not acked.
    let mut slow = connect_with_small_buffer(broadcaster.address()).unwrap();
    slow.write_all(HANDSHAKE.as_bytes()).unwrap();
    let filler = "x".repeat(200_000);
    (0..EVENTS).for_each(|number| drop(directory.enqueue(format!("[{number},\"{filler}\"]"))));
    let number_of = |message: &Value| message["payload"][0].as_u64().unwrap() as usize;
    for number in 0..EVENTS / 2 {
        assert_eq!(number_of(&page.message()), number);
    }
    let waiting = directory.waiting();
    assert!(waiting > EVENTS / 2, "only {waiting} wait");
    broadcaster.kill();
    drop(slow);
    let mut broadcaster = broadcaster::with(
        &directory.path(),
        &["--recover-bytes", "50000000", "--max-outbox-bytes", "50000000", "--max-event-bytes", "1000000"],
    );
    assert!(page.back(broadcaster.address()), "{:?}", broadcaster.stderr());
    directory.enqueue(format!("[{EVENTS},\"\"]"));
    for number in EVENTS / 2..=EVENTS {
        assert_eq!(number_of(&page.message()), number);
    }
    drained(&directory);
    broadcaster.stop();
}

#[test]
fn a_client_resumes_at_the_standby_that_took_over() {
    let (directory, address) = (QueueDir::new(), free_address());
    let path = directory.path();
    let mut serving = Broadcaster::spawn(command_on(&path, address)).listening();
    let mut page = Page::open(address);
    let mut number = 0;
    for _ in 0..3 {
        let next = standby(command_on(&path, address));
        let from = number;
        for _ in 0..20 {
            queue(&path, number, None);
            number += 1;
            if number == from + 10 {
                page.gets(from..number);
                serving.signal(Signal::TERM);
            }
        }
        // It may have got some of them already, before its connection was closed.
        while let Ok(Message::Text(text)) = page.client.next() {
            let message: Value = serde_json::from_str(&text).unwrap();
            page.id = message["id"].as_str().unwrap().to_owned();
        }
        assert!(serving.await_exit().success(), "{:?}", serving.stderr());
        serving = next.listening();
        let seen = number_of_id(&page.id);
        assert!(page.back(address), "{:?}", serving.stderr());
        page.gets(seen..number);
    }
    serving.stop();
}

/// How many events were published up to an id, by its number.
fn number_of_id(id: &str) -> usize {
    id.split_once('-').unwrap().1.parse().unwrap()
}

#[test]
fn a_run_without_history_between_two_with_it_is_a_gap() {
    let directory = QueueDir::new();
    let path = directory.path();
    let mut broadcaster = broadcaster::start(&path);
    let mut page = Page::open(broadcaster.address());
    queue(&path, 0, None);
    page.gets([0]);
    broadcaster.stop();
    let mut broadcaster = broadcaster::with(&path, &["--history-events", "0"]);
    queue(&path, 1, None);
    drained(&directory);
    broadcaster.stop();
    let mut broadcaster = broadcaster::start(&path);
    assert!(!page.back(broadcaster.address()));
    queue(&path, 2, None);
    page.gets([2]);
    assert!(page.back(broadcaster.address()));
    broadcaster.stop();
}

#[test]
fn a_key_counts_over_a_restart() {
    let directory = QueueDir::new();
    let path = directory.path();
    let mut broadcaster = broadcaster::start(&path);
    let mut page = Page::open(broadcaster.address());
    queue(&path, 0, Some("k"));
    page.gets([0]);
    drained(&directory);
    broadcaster.kill();
    let mut broadcaster = broadcaster::start(&path);
    assert!(page.back(broadcaster.address()));
    queue(&path, 1, Some("k"));
    queue(&path, 2, Some("l"));
    page.gets([2]);
    broadcaster.stop();
}

/// Fills what is left of the file system.
fn fill(disk: &QueueDir) -> PathBuf {
    let path = disk.root().join("filler");
    let mut file = fs::File::create(&path).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

#[test]
fn a_full_disk_costs_no_event_and_who_comes_back_after_a_restart_is_told() {
    if !has_root("to mount a file system") {
        return;
    }
    let (directory, disk) = (QueueDir::new(), QueueDir::mounted("128k"));
    let (path, history) = (directory.path(), disk.root().join("history"));
    let flags = ["--history-dir", history.to_str().unwrap()];
    let mut broadcaster = broadcaster::with(&path, &flags);
    let mut page = Page::open(broadcaster.address());
    queue(&path, 0, None);
    page.gets([0]);
    let filler = fill(&disk);
    // The last page of the log has room for some.
    let mut number = 1;
    while broadcaster.log_lines("cannot write the history log").is_empty() {
        queue(&path, number, None);
        page.gets([number]);
        number += 1;
        assert!(number < 1000, "{:?}", broadcaster.stderr());
    }
    assert!(!history.join("log").exists());
    // While it runs, it has what it needs in memory.
    let id = page.id.clone();
    queue(&path, number, None);
    page.gets([number]);
    page.id = id;
    assert!(page.back(broadcaster.address()));
    page.gets([number]);
    broadcaster.kill();
    fs::remove_file(filler).unwrap();
    let mut broadcaster = broadcaster::with(&path, &flags);
    assert!(!page.back(broadcaster.address()));
    queue(&path, 7, None);
    page.gets([7]);
    let id = page.id.clone();
    broadcaster.kill();
    let mut broadcaster = broadcaster::with(&path, &flags);
    assert_eq!(page.id, id);
    assert!(page.back(broadcaster.address()), "there is a log again");
    broadcaster.stop();
}

#[test]
fn events_wait_while_the_log_can_neither_be_written_nor_deleted() {
    if !has_root("to mount a file system") {
        return;
    }
    let (directory, disk) = (QueueDir::new(), QueueDir::mounted("128k"));
    let (path, history) = (directory.path(), disk.root().join("history"));
    let flags = ["--history-dir", history.to_str().unwrap()];
    let mut broadcaster = broadcaster::with(&path, &flags);
    let mut page = Page::open(broadcaster.address());
    // What has its name cannot be deleted as a file, and the log itself has no room for the next.
    fs::rename(history.join("log"), disk.root().join("moved")).unwrap();
    fs::create_dir(history.join("log")).unwrap();
    let filler = fill(&disk);
    let mut queued = 0;
    while broadcaster.log_lines("events wait").is_empty() {
        queue(&path, queued, None);
        queued += 1;
        until("it is sent, or waits", || directory.waiting() == 0 || !broadcaster.log_lines("events wait").is_empty());
        assert!(queued < 1000, "{:?}", broadcaster.stderr());
    }
    let waiting = directory.waiting();
    page.gets(0..queued - waiting);
    (queued..queued + 3).for_each(|number| queue(&path, number, None));
    fs::remove_dir(history.join("log")).unwrap();
    page.gets(queued - waiting..queued + 3);
    drained(&directory);
    assert_eq!(broadcaster.log_lines("events wait").len(), 1);
    broadcaster.stop();
    fs::remove_file(filler).unwrap();
    let mut broadcaster = broadcaster::with(&path, &flags);
    assert!(!page.back(broadcaster.address()), "there was no log any more");
    broadcaster.stop();
}

#[test]
fn a_start_that_has_to_wait_says_only_at_its_end_that_history_begins_anew() {
    let directory = QueueDir::new();
    let (path, history) = (directory.path(), directory.root().join("history"));
    let flags = ["--history-dir", history.to_str().unwrap()];
    let mut broadcaster = broadcaster::with(&path, &flags);
    let mut page = Page::open(broadcaster.address());
    queue(&path, 0, None);
    page.gets([0]);
    drained(&directory);
    broadcaster.stop();
    let mut content = fs::read(history.join("log")).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(history.join("log"), content).unwrap();
    let announcement = path.join(".reader");
    fs::remove_file(&announcement).unwrap();
    fs::create_dir(&announcement).unwrap();
    let mut broadcaster = broadcaster::waiting(&path, &flags);
    broadcaster.await_log("the history log cannot be used yet");
    assert!(broadcaster.log_lines("history begins anew").is_empty(), "{:?}", broadcaster.stderr());
    fs::remove_dir(&announcement).unwrap();
    let mut broadcaster = broadcaster.listening();
    assert_eq!(broadcaster.log_lines("history begins anew").len(), 1, "{:?}", broadcaster.stderr());
    assert!(!page.back(broadcaster.address()));
    broadcaster.stop();
}

#[test]
fn a_client_that_had_what_was_cut_off_the_log_is_told() {
    let directory = QueueDir::new();
    let (path, log) = (directory.path(), directory.path().join("history/log"));
    let mut broadcaster = broadcaster::start(&path);
    let mut page = Page::open(broadcaster.address());
    queue(&path, 0, None);
    page.gets([0]);
    drained(&directory);
    let one = fs::metadata(&log).unwrap().len();
    queue(&path, 1, None);
    page.gets([1]);
    drained(&directory);
    // The log says once a second how far it goes.
    let end = format!("\"end\":{}", fs::metadata(&log).unwrap().len());
    until("the log says so", || String::from_utf8_lossy(&fs::read(&log).unwrap()).contains(&end));
    broadcaster.kill();
    // The last record as a whole: what is left has no sign of it.
    fs::File::options().write(true).open(&log).unwrap().set_len(one).unwrap();
    let mut broadcaster = broadcaster::start(&path);
    assert!(broadcaster.log_lines("history begins anew")[0].contains("the history log is damaged"));
    queue(&path, 2, None);
    drained(&directory);
    assert!(!page.back(broadcaster.address()));
    broadcaster.stop();
}

#[test]
fn a_log_that_holds_much_more_than_memory_is_not_read_as_a_whole() {
    const EVENTS: usize = 400;
    let directory = QueueDir::new();
    let (path, flags) = (directory.path(), ["--history-events-everybody", "10"]);
    let mut broadcaster = broadcaster::with(&path, &flags);
    let at_start = broadcaster.memory_kb("VmHWM");
    // The only event of a channel stays, and with it all records behind it.
    queue(&path, 0, None);
    drained(&directory);
    let filler = "x".repeat(100_000);
    for number in 0..EVENTS {
        directory.enqueue(format!("[{number},\"{filler}\"]"));
        if number % 20 == 0 {
            drained(&directory);
        }
    }
    drained(&directory);
    broadcaster.kill();
    let log = fs::metadata(path.join("history/log")).unwrap().len();
    assert!(log > 100_000 * EVENTS as u64, "{log}");
    let mut broadcaster = broadcaster::with(&path, &flags);
    broadcaster.await_log("continues the history log");
    let most = broadcaster.memory_kb("VmHWM");
    assert!(most < at_start + 10_000, "{most} kB, with an empty log {at_start} kB");
    broadcaster.stop();
}
