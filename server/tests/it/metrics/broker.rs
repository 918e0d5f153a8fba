//! The link to other machines.

use testkit::redis::RedisServer;
use testkit::{EventStream, FaultyProxy};

use super::{becomes, exceeds, metric};
use crate::broker::{node, payloads, queue, queue_with_key};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_link_is_seen_and_so_is_what_waits_for_it() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let node = node(&redis.url_through(proxy.addr()));
    becomes(&node, "broker_connected", 1.0).await;
    becomes(&node, "broker_lag_seconds", 0.0).await;
    let (mut client, _) = node.native("").await;
    assert_eq!(metric(&node, "broker_reconnects_total"), Some(0.0));
    queue(&node, &[], 1);
    payloads(&mut client, 1).await;
    becomes(&node, "queue_events_total{result=\"sent\"}", 1.0).await;
    becomes(&node, "forward_pending_events", 0.0).await;
    becomes(&node, "publish_to_send_seconds_count", 1.0).await;
    exceeds(&node, "history_events", 0.0).await;
    proxy.cut();
    becomes(&node, "broker_connected", 0.0).await;
    exceeds(&node, "broker_lag_seconds", 0.2).await;
    for number in 2..5 {
        queue(&node, &[], number);
    }
    becomes(&node, "forward_pending_events", 3.0).await;
    assert_eq!(metric(&node, "queue_events_total{result=\"sent\"}"), Some(1.0));
    proxy.mend();
    payloads(&mut client, 3).await;
    becomes(&node, "broker_connected", 1.0).await;
    becomes(&node, "broker_lag_seconds", 0.0).await;
    becomes(&node, "forward_pending_events", 0.0).await;
    becomes(&node, "queue_events_total{result=\"sent\"}", 4.0).await;
    assert!(metric(&node, "broker_reconnects_total").unwrap() >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_repeat_a_key_are_counted_where_they_were_queued() {
    let redis = RedisServer::start();
    let nodes = [node(&redis.url()), node(&redis.url())];
    queue_with_key(&nodes[0], &["a"], Some("k"), 1);
    becomes(&nodes[0], "queue_events_total{result=\"sent\"}", 1.0).await;
    queue_with_key(&nodes[1], &["a"], Some("k"), 2);
    becomes(&nodes[1], "queue_events_total{result=\"duplicate\"}", 1.0).await;
    assert_eq!(metric(&nodes[1], "queue_events_total{result=\"sent\"}"), Some(0.0));
    becomes(&nodes[1], "forward_pending_events", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_an_event_that_does_not_come_in_time_is_told_to_come_back() {
    let redis = RedisServer::start();
    let proxy = FaultyProxy::start(redis.addr());
    let node = node(&redis.url_through(proxy.addr()));
    becomes(&node, "broker_lag_seconds", 0.0).await;
    node.native("").await;
    proxy.cut();
    let mut stream = EventStream::open(node.address, "/?after=9999999999999-0-0000000a", "").await;
    assert!(stream.block().await.is_some_and(|block| block.retry.is_some()));
    becomes(&node, "connections_refused_total{reason=\"ahead\"}", 1.0).await;
    assert_eq!(metric(&node, "connections_accepted_total{protocol=\"sse\"}"), Some(0.0));
}
