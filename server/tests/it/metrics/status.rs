//! What the status page shows.

use serde_json::{Value, json};
use server::Troubled;
use server::config::Settings;
use testkit::redis::RedisServer;

use super::becomes;
use crate::broker::node;
use crate::util::TestServer;

async fn status(server: &TestServer) -> Value {
    serde_json::to_value(server.observer.status().await).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn it_has_everything_of_a_server_with_a_queue() {
    let server = TestServer::with(Settings { max_connections: Some(7), ..Settings::default() });
    let (mut client, _) = server.by_url("?channel=a").await;
    server.queue.enqueue(1);
    client.payload().await;
    becomes(&server, "queue_events_total{result=\"sent\"}", 1.0).await;
    becomes(&server, "publish_to_send_seconds_count", 1.0).await;
    let status = status(&server).await;
    assert_eq!((&status["ready"], &status["problems"]), (&json!(true), &json!([])));
    assert_eq!(status["connections"], json!({ "plain": 0, "url": 1, "native": 0, "sse": 0, "pusher": 0 }));
    assert_eq!((&status["max_connections"], &status["connections_accepted"]), (&json!(7), &json!(1)));
    assert_eq!(status["connections_refused"]["full"], 0);
    assert_eq!((&status["subscriptions"], &status["channels"]), (&json!(1), &json!(1)));
    assert_eq!((&status["messages_sent"], &status["queue"]["sent"]), (&json!(2), &json!(1)));
    assert_eq!(status["queue"]["path"], server.queue.path().display().to_string());
    assert_eq!(status["history"]["events"], 1);
    assert_eq!(status["broker"], Value::Null);
    assert!(status["process"]["resident_bytes"].as_u64().unwrap() > 1_000_000);
    assert!(status["now_ms"].as_u64().unwrap() >= status["started_at_ms"].as_u64().unwrap());
    let durations = &status["publish_to_send_seconds"];
    let (bounds, counts) = (durations["bounds"].as_array().unwrap(), durations["counts"].as_array().unwrap());
    assert_eq!(counts.len(), bounds.len() + 1);
    assert_eq!(counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 1);
    assert_eq!(keys(&status["queue"]).len(), 8);
    assert_eq!(keys(&status["history"]).len(), 6);
}

#[tokio::test]
async fn what_there_is_not_is_null() {
    let off = Settings { history_events: Some(0), history_events_everybody: Some(0), ..Settings::default() };
    let status = status(&TestServer::without_queue(off)).await;
    assert_eq!((&status["queue"], &status["history"], &status["broker"]), (&json!(null), &json!(null), &json!(null)));
    assert_eq!(status["ready"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_is_told_with_what_has_it() {
    let mut redis = RedisServer::start();
    let node = node(&redis.url());
    becomes(&node, "broker_connected", 1.0).await;
    let well = status(&node).await;
    assert_eq!((&well["ready"], &well["broker"]["connected"]), (&json!(true), &json!(true)));
    redis.kill();
    becomes(&node, "broker_connected", 0.0).await;
    let status = status(&node).await;
    assert_eq!((&status["ready"], &status["broker"]["connected"]), (&json!(false), &json!(false)));
    assert!(status["problems"][0]["what"].as_str().unwrap().contains("Redis"), "{status}");
    assert_eq!(node.observer.status().await.problems[0].of, Troubled::Broker);
    std::fs::remove_dir_all(node.queue.path()).unwrap();
    let problems = || async { self::status(&node).await["problems"].as_array().unwrap().len() };
    while problems().await < 2 {
        tokio::task::yield_now().await;
    }
}
