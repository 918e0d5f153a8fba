//! Events of real PHP processes reach every client: all of them, in order, byte for byte.

use std::collections::HashMap;
use std::net::SocketAddr;

use hyper::StatusCode;
use testkit::{Signal, eventually};

use crate::harness::{Collector, Fpm, Message, Nginx, Php, broadcaster, get, queue_dir};

/// What a producer printed: its payloads as `json_encode` writes them, in the order of its calls.
type Queued = Vec<String>;

#[tokio::test]
async fn events_of_cli_and_fpm_producers_at_once_reach_every_client_in_each_producers_order() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let fpm = Fpm::start(&queue, "queue_events.php").await;
    let nginx = Nginx::start(&broadcaster, &fpm).await;
    let mut clients = [
        Collector::of(&broadcaster).await,
        Collector::connect(broadcaster.address(), "/orders?user=7").await,
        Collector::connect(nginx.address(), "/ws").await,
    ];

    // Long-running scripts, requests that queue many events, and requests in a row that queue one each.
    let scripts = ["cli-1", "cli-2", "cli-3"]
        .map(|producer| (producer, Php::spawn("queue_events.php", &queue, [producer, "0", "400"])));
    let requests = ["fpm-1", "fpm-2", "fpm-3", "fpm-4"]
        .map(|producer| tokio::spawn(queue_by_requests(nginx.address(), producer, 3, 50)));
    let visitors =
        ["visitor-1", "visitor-2"].map(|producer| tokio::spawn(queue_by_requests(nginx.address(), producer, 60, 1)));
    let mut queued: HashMap<String, Queued> = HashMap::new();
    for (producer, script) in scripts {
        queued.insert(producer.to_owned(), script.output().await);
    }
    for producing in requests.into_iter().chain(visitors) {
        let (producer, payloads) = producing.await.unwrap();
        queued.insert(producer, payloads);
    }

    let total = queued.values().map(Vec::len).sum();
    assert_eq!(total, 3 * 400 + 4 * 150 + 2 * 60);
    for client in &mut clients {
        assert_eq!(by_producer(&client.messages(total).await), queued);
    }
    queue.is_drained().await;
    assert_eq!(queue.failed(), Vec::<String>::new());
}

#[tokio::test]
async fn odd_payloads_reach_clients_as_json_encode_writes_them() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let mut client = Collector::of(&broadcaster).await;

    let payloads = Php::run("queue_odd_payloads.php", &queue, [""; 0]).await;

    assert_eq!(payloads.len(), 3 * 34);
    for (message, payload) in client.messages(payloads.len()).await.into_iter().zip(payloads) {
        let text = format!(r#"{{"event":"odd","payload":{payload},"timestamp":{}}}"#, message.timestamp);
        assert_eq!(message.text, text);
    }
}

#[tokio::test]
async fn the_timestamp_is_the_second_of_queueing_even_if_it_is_delivered_later() {
    let queue = queue_dir();
    let frozen = broadcaster::start(&queue).await;
    let mut client = Collector::of(&frozen).await;
    frozen.signal(Signal::STOP);

    let before = now();
    Php::run("queue_events.php", &queue, ["cli", "0", "1"]).await;
    let after = now();
    eventually("another second", || now() > after).await;
    frozen.signal(Signal::CONT);

    let timestamp = client.messages(1).await[0].timestamp;
    assert!((before..=after).contains(&timestamp), "{timestamp} is not between {before} and {after}");
}

/// Sends the requests one after the other and returns what PHP printed.
async fn queue_by_requests(nginx: SocketAddr, producer: &str, requests: usize, events: usize) -> (String, Queued) {
    let mut payloads = Vec::new();
    for request in 0..requests {
        let first = request * events;
        let (status, body) = get(nginx, &format!("/api?producer={producer}&first={first}&count={events}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        payloads.extend(body.lines().map(str::to_owned));
    }
    (producer.to_owned(), payloads)
}

fn by_producer(messages: &[Message]) -> HashMap<String, Queued> {
    let mut payloads: HashMap<String, Queued> = HashMap::new();
    for message in messages {
        assert_eq!(message.event, "numbered");
        let payload: serde_json::Value = serde_json::from_str(&message.payload).unwrap();
        let producer = payload["producer"].as_str().unwrap().to_owned();
        payloads.entry(producer).or_default().push(message.payload.clone());
    }
    payloads
}

fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}
