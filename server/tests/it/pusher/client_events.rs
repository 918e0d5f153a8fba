//! Events that clients send to each other.

use serde_json::{Value, json};
use server::config::Settings;

use super::{Pusher, server, server_with};

async fn trigger(client: &mut Pusher, event: &str, channel: &str, data: Value) {
    client.client.send_text(&json!({ "event": event, "channel": channel, "data": data }).to_string()).await;
}

/// Tries to send one, which must be refused.
async fn refused(client: &mut Pusher, event: &str, channel: &str) {
    trigger(client, event, channel, json!(1)).await;
    let error = client.client.json().await;
    assert_eq!((&error["event"], &error["data"]["code"]), (&json!("pusher:error"), &json!(4301)), "{error}");
}

#[tokio::test]
async fn they_are_off_unless_the_application_allows_them() {
    let server = server();
    let (mut one, mut other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    one.subscribe("private-a").await;
    other.subscribe("private-a").await;
    refused(&mut one, "client-x", "private-a").await;
    other.expect_nothing().await;
}

#[tokio::test]
async fn members_of_a_channel_get_them_and_the_sender_does_not() {
    let server = server_with("client_events=members", Settings::default());
    let (mut one, mut other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    let mut stranger = Pusher::connect(&server).await;
    one.subscribe("private-a").await;
    other.subscribe("private-a").await;
    stranger.subscribe("private-b").await;
    trigger(&mut one, "client-x", "private-a", json!({ "a": 1 })).await;
    let expected = json!({ "event": "client-x", "channel": "private-a", "data": r#"{"a":1}"# });
    assert_eq!(other.client.json().await, expected);
    for client in [&mut one, &mut other, &mut stranger] {
        client.expect_nothing().await;
    }
    // Some libraries send JSON in a string.
    trigger(&mut one, "client-x", "private-a", json!(r#"{"a":1}"#)).await;
    assert_eq!(other.client.json().await, expected);
    one.enter("presence-a", "1").await;
    other.enter("presence-a", "2").await;
    one.client.json().await;
    trigger(&mut one, "client-x", "presence-a", json!("text")).await;
    let expected = json!({ "event": "client-x", "channel": "presence-a", "data": "text", "user_id": "1" });
    assert_eq!(other.client.json().await, expected);
}

#[tokio::test]
async fn they_are_for_private_and_presence_channels_that_the_sender_has() {
    let server = server_with("client_events=members", Settings::default());
    let mut client = Pusher::connect(&server).await;
    for channel in ["a", "private-encrypted-a"] {
        client.subscribe(channel).await;
        refused(&mut client, "client-x", channel).await;
    }
    refused(&mut client, "client-x", "private-other").await;
    client.subscribe("private-a").await;
    trigger(&mut client, "client-x", "private-a", json!("x".repeat(10_240))).await;
    assert!(client.client.json().await["data"]["message"].as_str().unwrap().contains("10 kB"));
    trigger(&mut client, "x", "private-a", json!(1)).await;
    assert_eq!(client.client.json().await["event"], "pusher:error");
}

#[tokio::test]
async fn there_are_ten_in_a_second_and_the_connection_stays() {
    let server = server_with("client_events=members", Settings::default());
    let (mut one, mut other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    one.subscribe("private-a").await;
    other.subscribe("private-a").await;
    let text = json!({ "event": "client-x", "channel": "private-a", "data": 1 }).to_string();
    one.client.send_together(&[text.as_str(); 30]).await;
    let error = one.client.json().await;
    assert_eq!(error["data"]["code"], 4301, "{error}");
    for _ in 0..10 {
        assert_eq!(other.client.json().await["event"], "client-x");
    }
}
