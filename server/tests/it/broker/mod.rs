//! Several servers over one Redis stream: real Redis, one server in this process for each machine.

mod failures;
mod losses;
mod resuming;
mod servers;

use std::net::SocketAddr;
use std::ops::Range;

use queue::{ChannelName, NewEvent, Priority, Uid, Writer};
use redis::Value as Reply;
use serde_json::{Value, json};
use server::config::Settings;
use server::token::Secret;
use testkit::redis::RedisServer;
use testkit::{Client, QueueDir, eventually};

use crate::util::{TestServer, names};

/// One of several machines.
pub(crate) fn node(url: &str) -> TestServer {
    node_on(QueueDir::new(), url)
}

pub(crate) fn node_on(queue: QueueDir, url: &str) -> TestServer {
    TestServer::on_with(queue, of_broker(url))
}

pub(crate) fn of_broker(url: &str) -> Settings {
    Settings { broker_url: Some(Secret::new(url.as_bytes())), ..Settings::default() }
}

/// Queues an event with the name `test` on a machine.
pub(crate) fn queue(node: &TestServer, channels: &[&str], payload: impl ToString) {
    queue_with_key(node, channels, None, payload);
}

pub(crate) fn queue_with_key(node: &TestServer, channels: &[&str], key: Option<&str>, payload: impl ToString) {
    let (channels, payload): (Vec<ChannelName>, _) = (names(channels), payload.to_string());
    let channels = (!channels.is_empty()).then_some(&channels[..]);
    let event = NewEvent { channels, key, ..new_event(payload.as_bytes()) };
    Writer::new(node.queue.path()).enqueue_events(&[event], Priority::default()).unwrap();
}

/// Queues events for everybody in one entry.
pub(crate) fn queue_together(node: &TestServer, payloads: Range<i64>) {
    let payloads: Vec<String> = payloads.map(|payload| payload.to_string()).collect();
    let events: Vec<NewEvent<'_>> = payloads.iter().map(|payload| new_event(payload.as_bytes())).collect();
    Writer::new(node.queue.path()).enqueue_events(&events, Priority::default()).unwrap();
}

fn new_event(payload_json: &[u8]) -> NewEvent<'_> {
    NewEvent {
        uid: Uid::new(),
        name_json: b"\"test\"",
        payload_json,
        channels: None,
        ttl: None,
        key: None,
        except: None,
    }
}

/// How many entries the stream has.
pub(crate) fn length(redis: &RedisServer) -> i64 {
    match redis.command(&["XLEN", "{fastapi}:events"]) {
        Reply::Int(length) => length,
        other => panic!("{other:?}"),
    }
}

/// The payloads of the next events, and the id of the last.
pub(crate) async fn payloads(client: &mut Client, count: usize) -> (Vec<Value>, String) {
    let (mut payloads, mut id) = (Vec::new(), String::new());
    for _ in 0..count {
        let mut message = client.json().await;
        assert!(message["event"].is_string(), "{message}");
        message["id"].as_str().unwrap_or_default().clone_into(&mut id);
        payloads.push(message["payload"].take());
    }
    (payloads, id)
}

/// A client of a machine whose stream is followed: one that came before would be told of a gap.
pub(crate) async fn client_of(address: SocketAddr, query: &str) -> (Client, Value) {
    let mut client = Client::native(address, &format!("/{query}")).await;
    let welcome = client.json().await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    (client, welcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_machine_queues_reaches_the_clients_of_all_in_the_same_order_and_with_the_same_ids() {
    let redis = RedisServer::start();
    let nodes = [node(&redis.url()), node(&redis.url()), node(&redis.url())];
    let mut clients = Vec::new();
    for node in &nodes {
        clients.push(node.by_url("?channel=a").await.0);
    }
    let mut plain = nodes[2].connect().await;
    for number in 0..30 {
        queue(&nodes[number % 3], if number % 2 == 0 { &["a", "b"] } else { &[] }, number);
    }
    let mut seen = Vec::new();
    for client in &mut clients {
        let mut messages = Vec::new();
        for _ in 0..30 {
            messages.push(client.json().await);
        }
        for of_node in 0..3 {
            let own = messages.iter().filter_map(|message| message["payload"].as_i64()).filter(|it| it % 3 == of_node);
            assert!(own.is_sorted(), "{messages:?}");
        }
        seen.push(messages);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    for _ in 0..15 {
        let message: Value = serde_json::from_str(&plain.text().await).unwrap();
        assert_eq!((&message["id"], message["payload"].as_i64().unwrap() % 2), (&Value::Null, 1));
    }
    for node in &nodes {
        eventually("everything is acked", || node.queue.waiting() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_a_key_is_added_once_for_all_machines() {
    let redis = RedisServer::start();
    let nodes = [node(&redis.url()), node(&redis.url())];
    let (mut client, _) = nodes[0].by_url("?channel=a&channel=b").await;
    for round in 0..3 {
        for node in &nodes {
            queue_with_key(node, &["a"], Some("k"), format!("\"a {round}\""));
            queue_with_key(node, &["b", "a"], Some("k"), format!("\"b {round}\""));
        }
    }
    for node in &nodes {
        eventually("everything is acked", || node.queue.waiting() == 0).await;
    }
    queue(&nodes[1], &["a"], "\"end\"");
    let (mut got, _) = payloads(&mut client, 3).await;
    assert_eq!(got.pop(), Some(json!("end")));
    let of = |channel: char| got.iter().filter(|payload| payload.as_str().unwrap().starts_with(channel)).count();
    assert_eq!((of('a'), of('b')), (1, 1), "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_on_its_way_is_not_delivered() {
    let redis = RedisServer::start();
    let node = node(&redis.url());
    let (mut client, _) = node.native("").await;
    let line = |expires_at: &str, payload: i32| {
        let uid = Uid::new();
        format!(
            r#"{{"v":1,"uid":"{uid}","event":"test","payload":{payload},"timestamp":7,"channels":null{expires_at}}}"#
        )
    };
    for line in [line(r#","expires_at":1.5"#, 1), line("", 2), line(r#","expires_at":99999999999.5"#, 3)] {
        redis.command(&["XADD", "{fastapi}:events", "*", "d", &line, "n", "0000000a", "a", "1"]);
    }
    assert_eq!(payloads(&mut client, 2).await.0, [2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_broadcaster_wrote_is_left_out() {
    let redis = RedisServer::start();
    let node = node(&redis.url());
    let (mut client, _) = node.native("").await;
    redis.command(&["XADD", "{fastapi}:events", "*", "d", "{}", "n", "0000000a"]);
    redis.command(&["XADD", "{fastapi}:events", "*", "x", "y"]);
    queue(&node, &[], 1);
    assert_eq!(payloads(&mut client, 1).await.0, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_queue_follows() {
    let redis = RedisServer::start();
    let (first, second) = (node(&redis.url()), TestServer::without_queue(of_broker(&redis.url())));
    let (mut client, _) = second.native("").await;
    queue(&first, &[], 1);
    assert_eq!(payloads(&mut client, 1).await.0, [1]);
}
