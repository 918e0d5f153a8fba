//! The queue, history, and how long events take.

use queue::{NewEvent, Priority, Uid, Writer};
use server::config::Settings;
use testkit::eventually;

use super::{becomes, exceeds, metric};
use crate::broker::queue_with_key;
use crate::history::id_of;
use crate::util::TestServer;

fn of_result(result: &str) -> String {
    format!("queue_events_total{{result=\"{result}\"}}")
}

#[tokio::test]
async fn events_of_the_queue_are_counted_by_what_became_of_them() {
    let server = TestServer::start();
    let mut client = server.connect().await;
    server.queue.enqueue(1);
    assert_eq!(client.payload().await, "1");
    becomes(&server, &of_result("sent"), 1.0).await;
    // Of an entry with several events, each one.
    let line = |more: &str| {
        let uid = Uid::new();
        format!("{{\"v\":1,\"uid\":\"{uid}\",\"event\":\"test\",\"payload\":2,\"channels\":null{more}}}\n")
    };
    let lines = [line(""), line(",\"expires_at\":1.5"), line("")].concat();
    server.queue.write(&format!("{}.events", Uid::new()), lines);
    becomes(&server, &of_result("expired"), 1.0).await;
    becomes(&server, &of_result("sent"), 3.0).await;
    for _ in 0..3 {
        queue_with_key(&server, &["a"], Some("k"), 3);
    }
    becomes(&server, &of_result("duplicate"), 2.0).await;
    becomes(&server, &of_result("sent"), 4.0).await;
    assert_eq!((metric(&server, &of_result("rejected")), metric(&server, "failed_entries")), (Some(0.0), Some(0.0)));
    let bad = Settings { entry_grace_secs: Some(0.01), ..Settings::default() };
    let server = TestServer::with(bad);
    server.queue.write(&format!("{}.json", Uid::new()), "{");
    becomes(&server, &of_result("rejected"), 1.0).await;
    becomes(&server, "failed_entries", 1.0).await;
    assert_eq!(metric(&server, &of_result("sent")), Some(0.0));
}

#[tokio::test]
async fn what_waits_in_the_queue_is_counted_with_its_age() {
    // A client that does not read holds up the deletion of what it was sent.
    let server = TestServer::start();
    let slow = server.connect().await;
    let payload = format!("\"{}\"", "x".repeat(900_000));
    assert_eq!(metric(&server, "queue_pending_events"), Some(0.0));
    assert_eq!(metric(&server, "queue_oldest_age_seconds"), Some(0.0));
    for _ in 0..10 {
        server.queue.enqueue(&payload);
    }
    let writer = Writer::new(server.queue.path());
    let new = || NewEvent {
        uid: Uid::new(),
        name_json: b"\"test\"",
        payload_json: b"1",
        channels: None,
        ttl: None,
        key: None,
        except: None,
    };
    writer.enqueue_events(&[new(), new(), new()], Priority::default()).unwrap();
    exceeds(&server, "queue_pending_events", 3.0).await;
    let waiting = metric(&server, "queue_pending_events").unwrap();
    assert!(waiting <= 13.0, "{waiting}");
    exceeds(&server, "queue_oldest_age_seconds", 0.3).await;
    drop(slow);
    becomes(&server, "queue_pending_events", 0.0).await;
    assert_eq!(metric(&server, "queue_oldest_age_seconds"), Some(0.0));
}

#[tokio::test]
async fn how_long_an_event_takes_is_measured_once_for_each_thread_that_writes_it() {
    let server = TestServer::with(Settings { hub_threads: Some(1), ..Settings::default() });
    let count = || metric(&server, "publish_to_send_seconds_count");
    // Nobody gets it.
    server.queue.enqueue(0);
    becomes(&server, &of_result("sent"), 1.0).await;
    let mut plain = [server.connect().await, server.connect().await, server.connect().await];
    let (mut of_channel, _) = server.by_url("?channel=a&everybody=0").await;
    assert_eq!(count(), Some(0.0));
    server.queue.enqueue(1);
    for client in &mut plain {
        client.payload().await;
    }
    eventually("it is measured", || count() == Some(1.0)).await;
    queue_with_key(&server, &["a"], None, 2);
    assert_eq!(of_channel.payload().await, "2");
    eventually("it is measured", || count() == Some(2.0)).await;
    queue_with_key(&server, &["b"], None, 3);
    becomes(&server, &of_result("sent"), 4.0).await;
    // What PHP has not queued has no time.
    server.publish(&[], 4);
    plain[0].payload().await;
    assert_eq!(count(), Some(2.0));
    let sum = metric(&server, "publish_to_send_seconds_sum").unwrap();
    assert!(sum > 0.0 && sum < 30.0, "{sum}");
    assert_eq!(metric(&server, "publish_to_send_seconds_bucket{le=\"+Inf\"}"), Some(2.0));
}

#[tokio::test]
async fn history_and_those_who_come_back_are_counted() {
    let server = TestServer::with(Settings { history_ttl_secs: Some(2), ..Settings::default() });
    assert_eq!(metric(&server, "history_events"), Some(0.0));
    assert_eq!(metric(&server, "history_oldest_seconds"), Some(0.0));
    let (_, welcome) = server.by_url("?channel=a").await;
    let before = id_of(&welcome);
    server.publish(&["a"], 1);
    server.publish(&[], 2);
    assert_eq!(metric(&server, "history_events"), Some(2.0));
    assert!(metric(&server, "history_bytes").unwrap() > 100.0);
    let sent = metric(&server, "messages_sent_total{protocol=\"native\"}").unwrap();
    let (mut again, _) = server.native(&format!("?channel=a&after={before}")).await;
    again.payload().await;
    again.payload().await;
    becomes(&server, "recoveries_total{recovered=\"true\"}", 1.0).await;
    // Its welcome, and what it had missed.
    becomes(&server, "messages_sent_total{protocol=\"native\"}", sent + 3.0).await;
    assert_eq!(metric(&server, "recoveries_total{recovered=\"false\"}"), Some(0.0));
    server.native("?channel=a&after=nobody-knows-it").await;
    becomes(&server, "recoveries_total{recovered=\"false\"}", 1.0).await;
    exceeds(&server, "history_oldest_seconds", 0.5).await;
    becomes(&server, "history_events", 0.0).await;
    assert_eq!(metric(&server, "history_oldest_seconds"), Some(0.0));
}

#[tokio::test]
async fn what_there_is_not_has_no_value() {
    let server = TestServer::without_queue(Settings { history_events: Some(0), ..Settings::default() });
    for name in ["queue_pending_events", "queue_oldest_age_seconds", "failed_entries", "broker_connected"] {
        assert_eq!(metric(&server, name), None, "{name}");
    }
    assert_eq!(metric(&server, &of_result("sent")), None);
    assert_eq!(metric(&server, "forward_pending_events"), None);
}
