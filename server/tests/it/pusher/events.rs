//! Events that reach clients of all protocols.

use serde_json::{Value, json};
use server::{Audience, Publication};

use super::{Pusher, server, server_with};
use crate::util::{TestServer, names};
use server::config::Settings;

fn publish(server: &TestServer, name: &str, payload: &str, channels: &[&str]) {
    let names = names(channels);
    let audience = if names.is_empty() { Audience::Everybody } else { Audience::Channels(&names) };
    server.hub.publish(&Publication { audience, ..Publication::to_everybody(name, payload, 7) });
}

#[tokio::test]
async fn an_event_reaches_clients_of_every_protocol() {
    let server = server();
    let mut pusher = Pusher::connect(&server).await;
    pusher.subscribe("orders").await;
    let (mut native, _) = server.native("?channel=orders").await;
    publish(&server, r#""order\/new""#, r#"{"id":1.0,"of":"é"}"#, &["orders"]);
    let expected = json!({ "event": "order/new", "channel": "orders", "data": r#"{"id":1.0,"of":"é"}"# });
    assert_eq!(pusher.client.json().await, expected);
    assert_eq!(native.json().await["payload"], json!({ "id": 1.0, "of": "é" }));
}

#[tokio::test]
async fn an_event_for_several_channels_comes_for_each_of_them() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    for channel in ["a", "b", "c"] {
        client.subscribe(channel).await;
    }
    // Alone, and together with others in one turn.
    for _ in 0..3 {
        server.publish(&["b", "x", "a"], 1);
        let came: Vec<Value> =
            vec![client.client.json().await["channel"].clone(), client.client.json().await["channel"].clone()];
        assert_eq!(came, ["b", "a"]);
    }
    server.publish(&["c"], 2);
    assert_eq!(client.client.json().await["channel"], "c");
    client.expect_nothing().await;
}

#[tokio::test]
async fn who_has_sent_it_does_not_get_it() {
    let server = server();
    let (mut one, mut other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    one.subscribe("a").await;
    other.subscribe("a").await;
    server.publish_except(Some(&one.id), &["a"], 1);
    assert_eq!(other.client.json().await["data"], "1");
    one.expect_nothing().await;
}

#[tokio::test]
async fn names_of_the_protocol_are_never_sent() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let (mut native, _) = server.native("?channel=cache-a").await;
    client.subscribe("cache-a").await;
    client.client.json().await;
    for name in [r#""pusher:error""#, r#""pusher_internal:member_added""#, r#""\u0070usher:signin_success""#] {
        publish(&server, name, "{}", &["cache-a"]);
        assert!(native.json().await["event"].as_str().unwrap().starts_with("pusher"));
    }
    client.expect_nothing().await;
    let text = server.observer.metrics();
    assert!(text.contains("\nfastapi_ws_reserved_names_total 3.0\n"), "{text}");
    let mut later = Pusher::connect(&server).await;
    later.subscribe("cache-a").await;
    assert_eq!(later.client.json().await["event"], "pusher:cache_miss");
}

#[tokio::test]
async fn events_for_everybody_come_only_where_they_are_wanted() {
    for (options, comes) in [("", false), ("global_events=true", true)] {
        let server = server_with(options, Settings::default());
        let mut client = Pusher::connect(&server).await;
        server.publish(&[], 1);
        if comes {
            assert_eq!(client.client.json().await, json!({ "event": "test", "data": "1" }));
        }
        client.expect_nothing().await;
    }
}
