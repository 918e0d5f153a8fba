//! Subscriptions: of which channels, and by which right.

use serde_json::{Value, json};
use server::config::Settings;

use super::{Pusher, data_of, server, server_with, sign};

/// What a refused subscription is told.
fn refused(message: &Value, channel: &str) -> (String, u64) {
    assert_eq!((&message["event"], &message["channel"]), (&json!("pusher:subscription_error"), &json!(channel)));
    let data = data_of(message);
    assert!(data["error"].as_str().is_some_and(|error| !error.is_empty()), "{data}");
    (data["type"].as_str().unwrap().to_owned(), data["status"].as_u64().unwrap())
}

#[tokio::test]
async fn a_public_channel_needs_no_right() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let answer = client.ask("pusher:subscribe", json!({ "channel": "orders" })).await;
    let expected = json!({ "event": "pusher_internal:subscription_succeeded", "channel": "orders", "data": "{}" });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_private_channel_needs_what_the_applications_server_has_signed_for_this_connection() {
    let server = server();
    let (mut client, other) = (Pusher::connect(&server).await, Pusher::connect(&server).await);
    let (own, of_other) = (client.auth("private-a"), other.auth("private-a"));
    let signed_for_other_channel = client.auth("private-b");
    let with_data = sign(&format!("{}:private-a:{{}}", client.id));
    for auth in [
        Some(""),
        Some("app-key:"),
        Some("x"),
        Some(&of_other),
        Some(&signed_for_other_channel),
        Some(&with_data),
        None,
    ] {
        let answer = client.ask("pusher:subscribe", json!({ "channel": "private-a", "auth": auth })).await;
        assert_eq!(refused(&answer, "private-a"), ("AuthError".to_owned(), 401), "{auth:?}");
    }
    let other_key = own.replace("app-key", "app_key");
    let answer = client.ask("pusher:subscribe", json!({ "channel": "private-a", "auth": other_key })).await;
    assert_eq!(refused(&answer, "private-a").1, 401);
    assert_eq!(data_of(&answer)["error"], "auth names another key than that of the app");
    let other_secret = own.replace(|digit: char| digit.is_ascii_digit(), "0");
    let answer = client.ask("pusher:subscribe", json!({ "channel": "private-a", "auth": other_secret })).await;
    let told = "auth is not valid for this connection and channel (is the secret of the application's server the one \
                of [[app]]?)";
    assert_eq!((refused(&answer, "private-a").1, data_of(&answer)["error"].clone()), (401, json!(told)));
    server.publish(&["private-a"], 1);
    client.expect_nothing().await;
    assert_eq!(client.subscribe("private-a").await["event"], "pusher_internal:subscription_succeeded");
    server.publish(&["private-a"], 2);
    assert_eq!(client.client.json().await["data"], "2");
}

#[tokio::test]
async fn an_auth_of_an_earlier_connection_is_worth_nothing() {
    let server = server();
    let before = Pusher::connect(&server).await.auth("private-a");
    let mut client = Pusher::connect(&server).await;
    let answer = client.ask("pusher:subscribe", json!({ "channel": "private-a", "auth": before })).await;
    assert_eq!(refused(&answer, "private-a").1, 401);
}

#[tokio::test]
async fn a_forged_member_does_not_come_in() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let signed = client.auth(r#"presence-a:{"user_id":"1"}"#);
    for channel_data in [r#"{"user_id":"2"}"#, r#"{"user_id": "1"}"#] {
        let asked = json!({ "channel": "presence-a", "auth": signed, "channel_data": channel_data });
        assert_eq!(refused(&client.ask("pusher:subscribe", asked).await, "presence-a").1, 401);
    }
    for (channel_data, status) in [("{}", 401), ("x", 401), (r#"{"user_id":""}"#, 401)] {
        let auth = client.auth(&format!("presence-a:{channel_data}"));
        let asked = json!({ "channel": "presence-a", "auth": auth, "channel_data": channel_data });
        assert_eq!(refused(&client.ask("pusher:subscribe", asked).await, "presence-a").1, status);
    }
    // Without channel_data nobody says who it is.
    assert_eq!(refused(&client.subscribe("presence-a").await, "presence-a").1, 401);
}

#[tokio::test]
async fn names_of_other_protocols_and_wrong_ones_are_refused() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    let long = "x".repeat(201);
    for channel in ["", "a b", "a:b", "a/b", "#a", "é", &long] {
        assert_eq!(refused(&client.subscribe(channel).await, channel), ("InvalidChannel".to_owned(), 400));
    }
    assert_eq!(refused(&client.subscribe("#server-to-user-1").await, "#server-to-user-1").1, 401);
}

#[tokio::test]
async fn channels_that_are_not_public_are_refused() {
    let settings = Settings { public_channels: Some(vec!["public.*".parse().unwrap()]), ..Settings::default() };
    let server = server_with("", settings);
    let mut client = Pusher::connect(&server).await;
    assert_eq!(refused(&client.subscribe("orders").await, "orders").1, 401);
    assert_eq!(client.subscribe("public.orders").await["data"], "{}");
}

#[tokio::test]
async fn where_nobody_may_be_anonymous_public_channels_need_a_sign_in() {
    let server = server_with("", Settings { anonymous: Some(false), ..Settings::default() });
    let mut client = Pusher::connect(&server).await;
    assert_eq!(refused(&client.subscribe("orders").await, "orders").1, 401);
    server.publish(&[], 1);
    client.expect_nothing().await;
    let user_data = r#"{"id":"7"}"#;
    let auth = sign(&format!("{}::user::{user_data}", client.id));
    client.ask("pusher:signin", json!({ "auth": auth, "user_data": user_data })).await;
    assert_eq!(client.subscribe("orders").await["data"], "{}");
}

#[tokio::test]
async fn a_client_has_as_many_channels_as_it_may() {
    let server = server_with("", Settings { max_channels_per_client: Some(2), ..Settings::default() });
    let mut client = Pusher::connect(&server).await;
    client.subscribe("a").await;
    client.subscribe("b").await;
    assert_eq!(refused(&client.subscribe("c").await, "c"), ("LimitReached".to_owned(), 403));
    client.send("pusher:unsubscribe", json!({ "channel": "a" })).await;
    assert_eq!(client.subscribe("c").await["event"], "pusher_internal:subscription_succeeded");
}

#[tokio::test]
async fn after_it_has_left_a_client_gets_nothing_of_a_channel() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    client.subscribe("a").await;
    server.publish(&["a"], 1);
    client.send("pusher:unsubscribe", json!({ "channel": "a" })).await;
    assert_eq!(client.client.json().await["data"], "1");
    client.expect_nothing().await;
    server.publish(&["a"], 2);
    client.expect_nothing().await;
    assert_eq!(client.subscribe("a").await["event"], "pusher_internal:subscription_succeeded");
}

#[tokio::test]
async fn a_second_subscription_is_an_error_and_changes_nothing() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    client.subscribe("a").await;
    assert_eq!(client.subscribe("a").await["event"], "pusher:error");
    server.publish(&["a"], 1);
    assert_eq!(client.client.json().await["data"], "1");
    client.expect_nothing().await;
}

#[tokio::test]
async fn a_cache_channel_has_its_last_event() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    for channel in ["cache-a", "private-cache-a"] {
        client.subscribe(channel).await;
        let miss = json!({ "event": "pusher:cache_miss", "channel": channel });
        assert_eq!(client.client.json().await, miss);
        server.publish(&[channel], 1);
        server.publish(&[channel], 2);
        client.client.json().await;
        client.client.json().await;
        let mut later = Pusher::connect(&server).await;
        later.subscribe(channel).await;
        let last = json!({ "event": "test", "channel": channel, "data": "2" });
        assert_eq!(later.client.json().await, last);
        later.expect_nothing().await;
    }
}
