//! The broadcaster ends at a bad moment, and another one takes over.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use testkit::{QueueDir, Signal};

use crate::harness::{Collector, Message, Php, broadcaster, queue_dir};

/// See `backlog.rs`: long enough for a client to connect while it is drained.
const LONG: usize = 10_000;

#[tokio::test]
async fn events_undelivered_when_the_broadcaster_is_killed_come_after_its_restart() {
    let queue = queue_dir();
    let mut killed = broadcaster::start(&queue).await;
    let mut client = Collector::of(&killed).await;
    Php::run("queue_backlog.php", &queue, ["20"]).await;
    assert_eq!(client.messages(20).await.len(), 20);
    queue.is_drained().await;

    // Stopped, it cannot deliver what is queued from here on; killed, it cannot clean up either.
    killed.signal(Signal::STOP);
    Php::run("queue_backlog.php", &queue, [LONG.to_string()]).await;
    killed.signal(Signal::KILL);
    assert_eq!(killed.exit().await.signal(), Some(Signal::KILL.as_raw()));
    assert_eq!(client.closed().await.1, None);
    assert_eq!(queue.entries().len(), LONG);

    let restarted = broadcaster::start(&queue).await;
    let mut client = Collector::of(&restarted).await;
    let messages = client.messages_until(|message| number(message) == LONG - 1).await;
    let expected: Vec<usize> = (LONG - messages.len()..LONG).collect();
    assert_eq!(messages.iter().map(number).collect::<Vec<_>>(), expected);
    queue.is_drained().await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_broadcast_loses_no_event() {
    let queue = queue_dir();
    let mut killed = broadcaster::start(&queue).await;
    let mut client = Collector::of(&killed).await;
    let producer = Php::spawn("queue_backlog.php", &queue, ["5000"]);

    client.messages(1000).await;
    killed.signal(Signal::KILL);
    killed.exit().await;
    producer.output().await;
    let (rest, _) = client.closed().await;

    let delivered = 0..1000 + rest.len();
    let kept: BTreeSet<usize> = queue.entries().iter().map(|entry| payload_of_entry(&queue, entry)).collect();
    let all: BTreeSet<usize> = delivered.chain(kept).collect();
    assert_eq!(all, (0..5000).collect());
    for (position, message) in rest.iter().enumerate() {
        assert_eq!(number(message), 1000 + position);
    }
}

#[tokio::test]
async fn a_second_broadcaster_waits_and_takes_over_when_the_first_ends() {
    let queue = queue_dir();
    let mut first = broadcaster::start(&queue).await;
    let second = broadcaster::standby(&queue).await;

    first.signal(Signal::KILL);
    first.exit().await;

    let second = second.started().await;
    let mut client = Collector::of(&second).await;
    Php::run("queue_backlog.php", &queue, ["5"]).await;
    assert_eq!(client.messages(5).await.iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

fn number(message: &Message) -> usize {
    message.payload.parse().unwrap()
}

fn payload_of_entry(queue: &QueueDir, entry: &str) -> usize {
    let content = std::fs::read(queue.path().join(entry)).unwrap();
    let event: serde_json::Value = serde_json::from_slice(&content).unwrap();
    event["payload"].as_u64().unwrap() as usize
}
