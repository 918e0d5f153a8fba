//! What a source publishes after another one has stopped or was killed.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use mio::{Poll, Token, Waker};
use queue::{ChannelName, NewEvent, Priority, Reader, ReaderOptions, Uid, Writer};
use rustix::io::Errno;
use testkit::{QueueDir, sandbox};

use super::*;
use crate::config::Settings;
use crate::health::Health;
use crate::history::HistoryRules;
use crate::hub::inbox::{Arrivals, Inbox};
use crate::hub::{Feed, Hub};
use crate::publication::Seq;
use crate::source::Destination;
use crate::source::history::HistoryOptions;
use crate::source::queue_source::SourceOptions;
use crate::stop::Stop;

/// A source whose hub has no thread, so that nothing is delivered unless the test says so.
struct Started {
    source: QueueSource,
    hub: Hub,
    _poll: Poll,
}

impl Started {
    fn on(queue: &QueueDir) -> Started {
        Started::of(queue, |_| {})
    }

    fn of(queue: &QueueDir, change: impl FnOnce(&mut HistoryRules)) -> Started {
        let mut config = Settings::default().resolve().expect("defaults");
        change(&mut config.history);
        let poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let hub = Hub::new([waker], &config.limits).expect("a hub");
        let options = SourceOptions {
            scan_interval: Duration::from_secs(1),
            failed_max_entries: 10,
            failed_max_age: Duration::from_secs(60),
            history: HistoryOptions { rules: config.history, directory: None },
        };
        let (health, stop) = (Arc::new(Health::of_source(Duration::ZERO)), Stop::new().expect("a notifier"));
        let feed = Feed::new(hub.clone(), &config.limits);
        let reader = Reader::open(queue.path(), ReaderOptions::default()).expect("a directory");
        let source =
            QueueSource::open(reader, options, Destination::Hub(Box::new(feed)), stop, health).expect("a source");
        Started { source, hub, _poll: poll }
    }

    /// Publishes what there is. Returns the payloads that plain clients get.
    fn publish(&mut self) -> Vec<u32> {
        while self.source.take_batch() {}
        let mut arrivals = Arrivals::default();
        self.inbox().take(&mut arrivals);
        let starts = [0].into_iter().chain(arrivals.ends.iter().copied());
        let bytes = starts.zip(&arrivals.ends).map(|(start, end)| &arrivals.frames[start..*end]);
        let frames = bytes.map(String::from_utf8_lossy);
        frames.filter(|frame| !frame.is_empty()).map(|frame| payload(&frame)).collect()
    }

    /// Lets everything be delivered, and acks it.
    fn deliver(&mut self) {
        self.deliver_up_to(u64::MAX);
    }

    fn deliver_up_to(&mut self, place: u64) {
        self.source.ack(Seq(place));
    }

    /// The same as `publish` while nothing can be appended to the history log.
    fn publish_on_full_disk(&mut self) -> Vec<u32> {
        sandbox::run_under(sandbox::filter(&[(libc::SYS_pwrite64, 0, 0)], Errno::NOSPC), || self.publish())
    }

    /// Does what is done each second and each minute. Returns whether there is a history log.
    fn trim(&mut self) -> bool {
        self.source.history.make_due();
        self.source.history.trim(&mut self.source.outstanding, false);
        self.hub.with_history_log(|log| log.is_written()).expect("there should be one")
    }

    /// Ends it as if its process were killed.
    fn kill(self) {
        drop(self.hub.take_history_log());
    }

    fn inbox(&self) -> &Inbox {
        &self.hub.inboxes()[0]
    }

    /// The last number that was given.
    fn head(&self) -> u64 {
        self.hub.head().0
    }
}

fn payload(frame: &str) -> u32 {
    let (_, rest) = frame.split_once("\"payload\":").expect("a payload");
    rest.split(',').next().and_then(|number| number.parse().ok()).expect("a number")
}

/// Queues events with these payloads in one entry: above 100 for a channel, else for everybody. A multiple of ten has a
/// key.
fn enqueue(queue: &QueueDir, payloads: &[u32]) {
    let channel: [ChannelName; 1] = ["a".parse().expect("a name")];
    let numbered: Vec<(u32, String)> = payloads.iter().map(|payload| (*payload, payload.to_string())).collect();
    let events: Vec<NewEvent<'_>> = numbered
        .iter()
        .map(|(payload, text)| NewEvent {
            uid: Uid::new(),
            name_json: b"\"e\"",
            payload_json: text.as_bytes(),
            channels: (*payload > 100).then_some(&channel[..]),
            ttl: None,
            key: (payload % 10 == 0).then_some("k"),
            except: None,
        })
        .collect();
    Writer::new(queue.path()).enqueue_events(&events, Priority::Normal).expect("an entry");
}

#[test]
fn what_was_published_and_not_acked_comes_again_with_its_numbers_before_anything_new() {
    let queue = QueueDir::new();
    let mut first = Started::on(&queue);
    enqueue(&queue, &[1, 101, 2]);
    assert_eq!(first.publish(), [1, 2]);
    first.deliver();
    enqueue(&queue, &[3, 103]);
    enqueue(&queue, &[4]);
    assert_eq!(first.publish(), [3, 4]);
    assert_eq!((first.head(), queue.waiting()), (6, 2));
    drop(first);
    enqueue(&queue, &[5]);

    let mut second = Started::on(&queue);
    assert_eq!(second.head(), 6);
    assert_eq!(second.publish(), [3, 4, 5]);
    assert_eq!(second.head(), 7, "only what is new has a new number");
    second.deliver();
    assert_eq!(queue.waiting(), 0);
    drop(second);
    let mut third = Started::on(&queue);
    assert_eq!((third.publish(), third.head()), (vec![], 7));
}

#[test]
fn lines_without_a_number_stay_unsent() {
    let queue = QueueDir::new();
    let mut first = Started::on(&queue);
    enqueue(&queue, &[10]);
    assert_eq!(first.publish(), [10]);
    first.deliver();
    // The second repeats the key of the one before.
    enqueue(&queue, &[11, 20, 12]);
    assert_eq!(first.publish(), [11, 12]);
    drop(first);
    let mut second = Started::on(&queue);
    assert_eq!(second.publish(), [11, 12]);
    // The key counts after the restart.
    enqueue(&queue, &[30, 13]);
    assert_eq!(second.publish(), [13]);
    assert_eq!(second.head(), 4);
}

#[test]
fn another_entry_that_uses_a_name_again_is_new() {
    let queue = QueueDir::new();
    let mut first = Started::on(&queue);
    let write =
        |payload| queue.write("1.json", format!(r#"{{"event":"e","payload":{payload},"queued_at":{payload}.5}}"#));
    let path = write(1);
    assert_eq!(first.publish(), [1]);
    drop(first);
    fs::remove_file(path).expect("it is there");
    write(2);
    let mut second = Started::on(&queue);
    assert_eq!((second.publish(), second.head()), (vec![2], 2));
}

#[test]
fn after_a_full_disk_the_log_is_written_again_although_there_is_always_something_to_ack() {
    let queue = QueueDir::new();
    let mut first = Started::on(&queue);
    enqueue(&queue, &[1]);
    assert_eq!(first.publish(), [1]);
    enqueue(&queue, &[2, 102]);
    assert_eq!(first.publish_on_full_disk(), [2]);
    assert!(!first.trim(), "what is known of the first entry was in the log that was given up");
    enqueue(&queue, &[3, 20]);
    assert_eq!(first.publish(), [3, 20]);
    first.deliver_up_to(1);
    assert!(first.trim(), "three events are not acked");
    enqueue(&queue, &[4]);
    assert_eq!(first.publish(), [4]);
    first.kill();

    let mut second = Started::on(&queue);
    assert_eq!((second.head(), second.publish()), (6, vec![2, 3, 20, 4]));
    // The key counts after the restart.
    enqueue(&queue, &[30, 5]);
    assert_eq!((second.publish(), second.head()), (vec![5], 7));
    second.deliver();
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn of_events_without_a_record_only_so_many_bytes_are_kept_for_the_next_log() {
    let queue = QueueDir::new();
    let mut source = Started::of(&queue, |rules| rules.max_bytes = 400);
    enqueue(&queue, &[1]);
    assert_eq!(source.publish_on_full_disk(), [1]);
    enqueue(&queue, &[2, 3, 4, 5]);
    assert_eq!(source.publish(), [2, 3, 4, 5]);
    source.deliver_up_to(1);
    assert!(!source.trim(), "the second entry was too much");
    source.deliver();
    enqueue(&queue, &[6]);
    assert_eq!(source.publish(), [6]);
    assert!(source.trim());
}
