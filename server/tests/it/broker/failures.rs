//! Redis is away, slow, full, or takes no writes: events wait in the queue, and nothing is lost or sent twice.

use std::time::Duration;

use serde_json::Value;
use server::config::Settings;
use testkit::redis::{RedisOptions, RedisServer};
use testkit::{FaultyProxy, QueueDir, eventually};

use super::{length, node, node_on, of_broker, payloads, queue, queue_together};
use crate::util::TestServer;

/// How long the server waits for an answer while it runs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

fn numbers(range: std::ops::Range<i64>) -> Vec<Value> {
    range.map(Value::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_while_redis_is_away_and_come_in_order_afterwards() {
    let mut redis = RedisOptions::default().append_only().start();
    let nodes = [node(&redis.url()), node(&redis.url())];
    let (mut client, _) = nodes[1].native("").await;
    queue(&nodes[0], &[], 0);
    payloads(&mut client, 1).await;
    redis.kill();
    for number in 1..200 {
        queue(&nodes[0], &[], number);
    }
    redis.start_again();
    assert_eq!(payloads(&mut client, 199).await.0, numbers(1..200));
    eventually("everything is acked", || nodes[0].queue.waiting() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_starts_without_redis_and_goes_on_when_it_is_there() {
    let mut redis = RedisServer::start();
    redis.kill();
    let node = node(&redis.url());
    let (mut client, _) = node.native("").await;
    queue(&node, &[], 1);
    redis.start_again();
    // It came before anything was known of the stream.
    let message = client.json().await;
    assert_eq!(message["type"], "gap", "{message}");
    eventually("it is acked", || node.queue.waiting() == 0).await;
    queue(&node, &[], 2);
    loop {
        let (got, _) = payloads(&mut client, 1).await;
        if got == [2] {
            break;
        }
        assert_eq!(got, [1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_under_many_commands_sends_nothing_twice_and_nothing_out_of_order() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let (first, second) = (node(&redis.url_through(proxy.addr())), node(&redis.url()));
    let (mut client, _) = second.native("").await;
    // It connects for the first event.
    queue(&first, &[], -1);
    payloads(&mut client, 1).await;
    eventually("the reply has come", || first.queue.waiting() == 0).await;
    for round in 0..5 {
        let all = round * 2_000..(round + 1) * 2_000;
        proxy.drop_replies();
        // What is queued together is sent together.
        queue_together(&first, all.start..all.start + 1_000);
        queue_together(&first, all.start + 1_000..all.end);
        eventually("some are in the stream", || length(&redis) >= all.start + 1_002).await;
        assert_eq!(first.queue.waiting(), 2);
        proxy.cut();
        proxy.mend();
        assert_eq!(payloads(&mut client, 2_000).await.0, numbers(all));
        eventually("everything is acked", || first.queue.waiting() == 0).await;
    }
    queue(&second, &[], -2);
    assert_eq!(payloads(&mut client, 1).await.0, [-2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_forwarder_had_sent_is_not_sent_again() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let (first, second) = (node(&redis.url_through(proxy.addr())), node(&redis.url()));
    let (mut client, _) = second.native("").await;
    queue(&first, &[], 0);
    payloads(&mut client, 1).await;
    eventually("the reply has come", || first.queue.waiting() == 0).await;
    // Each machine may have begun the stream.
    let before = length(&redis);
    proxy.drop_replies();
    queue_together(&first, 1..11);
    eventually("they are in the stream", || length(&redis) == before + 10).await;
    proxy.cut();
    let queue_of_first = first.stopped().await;
    assert_eq!(queue_of_first.waiting(), 1);
    let first = node_on(queue_of_first, &redis.url());
    queue(&first, &[], 11);
    assert_eq!(payloads(&mut client, 11).await.0, numbers(1..12));
    eventually("everything is acked", || first.queue.waiting() == 0).await;
    assert_eq!(length(&redis), before + 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_keeps_events_waiting() {
    let redis = RedisOptions::default().max_memory("3mb", "noeviction").start();
    let node = node(&redis.url());
    let (mut client, _) = node.native("").await;
    let text = format!("\"{}\"", "x".repeat(100_000));
    for _ in 0..60 {
        queue(&node, &[], &text);
    }
    eventually("it is full", || redis.info("errorstat_OOM").is_some()).await;
    queue(&node, &[], "\"last\"");
    assert!(node.queue.waiting() > 0);
    redis.command(&["CONFIG", "SET", "maxmemory", "100mb"]);
    for _ in 0..60 {
        assert_eq!(client.json().await["payload"].as_str().unwrap().len(), 100_000);
    }
    assert_eq!(client.json().await["payload"], "last");
    eventually("everything is acked", || node.queue.waiting() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_keeps_events_waiting() {
    let redis = RedisServer::start();
    let other = RedisServer::start();
    let node = node(&redis.url());
    let (mut client, _) = node.native("").await;
    let (host, port) = (other.addr().ip().to_string(), other.addr().port().to_string());
    redis.command(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
    // It keeps what it has as long as it cannot reach its master.
    other.pause();
    redis.command(&["REPLICAOF", &host, &port]);
    queue(&node, &[], 1);
    queue(&node, &[], 2);
    assert_eq!(node.queue.waiting(), 2);
    redis.command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(payloads(&mut client, 2).await.0, [1, 2]);
    other.resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_for_as_many_replicas_as_are_asked_for() {
    let redis = RedisServer::start();
    let settings = server::config::Settings { broker_min_replicas: Some(1), ..super::of_broker(&redis.url()) };
    let node = crate::util::TestServer::with(settings);
    let (mut client, _) = node.native("").await;
    queue(&node, &[], 1);
    assert_eq!(payloads(&mut client, 1).await.0, [1]);
    assert_eq!(node.queue.waiting(), 1);
    let _replica = RedisOptions::default().replica_of(&redis).start();
    eventually("a replica has it", || node.queue.waiting() == 0).await;
    queue(&node, &[], 2);
    assert_eq!(payloads(&mut client, 1).await.0, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_while_redis_does_not_answer() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let settings = Settings { shutdown_grace_secs: Some(0.2), ..of_broker(&redis.url_through(proxy.addr())) };
    let node = TestServer::on_with(QueueDir::new(), settings);
    let mut client = node.connect().await;
    queue(&node, &[], 1);
    client.payload().await;
    proxy.stall();
    // The thread that forwards waits for the answer to this one.
    queue(&node, &[], 2);
    let stopped = tokio::time::timeout(ANSWER_TIMEOUT / 2, node.stopped()).await;
    assert_eq!(stopped.expect("it does not wait for the answer").waiting(), 1);
}
