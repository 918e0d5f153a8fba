//! Who is let in, and what the others are told.

use serde_json::json;
use server::config::Settings;
use testkit::Client;

use super::{KEY, Pusher, server, server_with};
use crate::util::TestServer;

#[tokio::test]
async fn a_refused_client_is_told_why_on_the_connection() {
    let server = server();
    for (path, code) in [
        ("/app/other?protocol=7".to_owned(), 4001),
        (format!("/app/{KEY}"), 4008),
        (format!("/prefix/app/{KEY}?protocol=8"), 4007),
    ] {
        let mut client = Client::connect(server.address, &path).await;
        let error = client.json().await;
        assert_eq!((&error["event"], &error["data"]["code"]), (&json!("pusher:error"), &json!(code)), "{path}");
        assert_eq!(client.close_code().await, code, "{path}");
    }
}

#[tokio::test]
async fn without_an_application_the_path_is_like_any_other() {
    let server = TestServer::start();
    let mut client = Client::connect(server.address, &format!("/app/{KEY}?protocol=7")).await;
    server.publish(&[], 1);
    assert_eq!(client.payload().await, "1");
}

#[tokio::test]
async fn a_full_server_tells_clients_to_come_back_later() {
    let server = server_with("", Settings { max_connections: Some(1), ..Settings::default() });
    let _first = Pusher::connect(&server).await;
    let mut second = Client::connect(server.address, &format!("/app/{KEY}?protocol=7")).await;
    assert_eq!(second.json().await["data"]["code"], 4100);
    assert_eq!(second.close_code().await, 4100);
}

#[tokio::test]
async fn clients_of_all_protocols_are_counted_by_theirs() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    client.expect_nothing().await;
    let text = server.observer.metrics();
    assert!(text.contains("fastapi_ws_connections{protocol=\"pusher\"} 1"), "{text}");
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_connection_stays() {
    let server = server();
    let mut client = Pusher::connect(&server).await;
    for text in ["", "[]", "{", r#"{"event":7}"#, r#"{"event":"pusher:subscribe"}"#, r#"{"event":"pusher_internal:x"}"#]
    {
        client.client.send_text(text).await;
        let error = client.client.json().await;
        assert_eq!((&error["event"], &error["data"]["code"]), (&json!("pusher:error"), &json!(null)), "{text}");
    }
    client.expect_nothing().await;
}

#[tokio::test]
async fn a_stop_is_a_close_that_libraries_come_back_after() {
    let mut server = server();
    let mut client = Pusher::connect(&server).await;
    server.request_stop();
    assert_eq!(client.client.close_code().await, 1001);
}

#[tokio::test]
async fn who_leaves_a_large_presence_channel_again_and_again_is_told_to_wait() {
    let server = server_with("", Settings { max_messages_per_sec: Some(0), ..Settings::default() });
    let mut members = Vec::new();
    for user in 0..200 {
        let mut member = Pusher::connect(&server).await;
        member.enter("presence-a", &user.to_string()).await;
        members.push(member);
    }
    let mut client = Pusher::connect(&server).await;
    let channel_data = json!({ "user_id": "x" }).to_string();
    let auth = client.auth(&format!("presence-a:{channel_data}"));
    let asked = json!({ "channel": "presence-a", "auth": auth, "channel_data": channel_data });
    let subscribe = json!({ "event": "pusher:subscribe", "data": asked }).to_string();
    let leave = json!({ "event": "pusher:unsubscribe", "data": { "channel": "presence-a" } }).to_string();
    let mut left = 0;
    while left < 100
        && client.client.try_send_text(&subscribe).await.is_ok()
        && client.client.try_send_text(&leave).await.is_ok()
    {
        left += 1;
    }
    assert_eq!(client.client.close_code().await, 4100);
}

#[tokio::test]
async fn who_asks_for_too_much_is_told_to_wait() {
    let server = server_with("", Settings { max_messages_per_sec: Some(0), ..Settings::default() });
    let mut client = Pusher::connect(&server).await;
    let text = json!({ "event": "pusher:subscribe", "data": { "channel": "a b" } }).to_string();
    for _ in 0..300 {
        if client.client.try_send_text(&text).await.is_err() {
            break;
        }
    }
    assert_eq!(client.client.close_code().await, 4100);
}
