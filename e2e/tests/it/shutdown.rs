//! The broadcaster is asked to stop.

use testkit::Signal;

use crate::harness::{Collector, Php, broadcaster, queue_dir};

#[tokio::test]
async fn sigterm_closes_clients_as_going_away_and_exits_with_success() {
    stops_in_order(Signal::TERM).await;
}

#[tokio::test]
async fn sigint_closes_clients_as_going_away_and_exits_with_success() {
    stops_in_order(Signal::INT).await;
}

async fn stops_in_order(signal: Signal) {
    let queue = queue_dir();
    let mut broadcaster = broadcaster::start(&queue).await;
    let mut clients =
        [Collector::of(&broadcaster).await, Collector::of(&broadcaster).await, Collector::of(&broadcaster).await];
    Php::run("queue_backlog.php", &queue, ["10"]).await;
    for client in &mut clients {
        client.messages(10).await;
    }

    broadcaster.signal(signal);

    for client in &mut clients {
        let (messages, code) = client.closed().await;
        assert_eq!((messages.len(), code), (0, Some(1001)));
    }
    assert_eq!(broadcaster.exit().await.code(), Some(0));
    assert_eq!(queue.entries(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_not_delivered_before_the_stop_stays_in_the_queue_and_nothing_else_does() {
    const COUNT: usize = 20_000;
    let queue = queue_dir();
    let mut broadcaster = broadcaster::start(&queue).await;
    let mut clients = [Collector::of(&broadcaster).await, Collector::of(&broadcaster).await];
    let producer = Php::spawn("queue_backlog.php", &queue, [COUNT.to_string()]);

    clients[0].messages(500).await;
    broadcaster.signal(Signal::TERM);
    let (rest, code) = clients[0].closed().await;
    let (all, other_code) = clients[1].closed().await;
    let status = broadcaster.exit().await;
    producer.output().await;

    assert_eq!((code, other_code, status.code()), (Some(1001), Some(1001), Some(0)));
    let delivered = 500 + rest.len();
    assert_eq!(all.len(), delivered, "both clients were given the same");
    assert_eq!(queue.entries().len(), COUNT - delivered);

    let restarted = broadcaster::start(&queue).await;
    let mut client = Collector::of(&restarted).await;
    Php::run("queue_events.php", &queue, ["end", "0", "1"]).await;
    let after = client.messages_until(|message| message.event == "numbered").await;
    if let Some(first) = after.iter().find(|message| message.event == "backlog") {
        assert!(first.payload.parse::<usize>().unwrap() >= delivered, "{} was delivered before", first.payload);
    }
    queue.is_drained().await;
}
