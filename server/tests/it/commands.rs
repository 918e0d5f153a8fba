//! The commands of native clients and their answers.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use server::config::Settings;
use server::{Application, ClientMessage, Reception, SessionId};
use socket2::SockRef;
use testkit::{Client, TIMEOUT};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::channels::seq_of;
use crate::util::TestServer;

/// The code of the next message, which must be an error with this `ref`.
pub(crate) fn error_code(message: &Value, reference: &Value) -> u64 {
    assert_eq!(message["type"], "error", "{message}");
    assert_eq!(&message["ref"], reference, "{message}");
    assert!(message["message"].as_str().is_some_and(|text| !text.is_empty()), "{message}");
    message["code"].as_u64().unwrap()
}

/// Checks that the next event has this payload.
pub(crate) async fn expect(client: &mut Client, payload: impl Into<Value>) {
    let message = client.json().await;
    assert_eq!(message["payload"], payload.into(), "{message}");
}

#[tokio::test]
async fn a_subscription_is_answered_and_begins_behind_its_answer() {
    let server = TestServer::start();
    let (mut client, _) = server.native("?everybody=0").await;
    server.publish(&["a", "b"], 1);
    let answer = client.ask(json!({ "type": "subscribe", "channels": ["a", "b", "a"], "ref": "r" })).await;
    let expected = json!({ "type": "subscribed", "ref": "r", "channels": ["a", "b"], "id": answer["id"] });
    assert_eq!(answer, expected);
    assert_eq!(seq_of(&answer), 1);
    let answer = client.ask(json!({ "type": "subscribe", "channel": "c" })).await;
    assert_eq!(answer, json!({ "type": "subscribed", "channels": ["c"], "id": answer["id"] }));
    for (payload, channel) in [(2, "a"), (3, "b"), (4, "c")] {
        server.publish(&[channel], payload);
        expect(&mut client, payload).await;
    }
}

#[tokio::test]
async fn subscribing_twice_is_answered_again_and_one_leave_ends_it() {
    let server = TestServer::start();
    let (mut client, _) = server.native("?channel=a&everybody=0").await;
    for reference in 0..3 {
        let answer = client.ask(json!({ "type": "subscribe", "channels": ["a", "b"], "ref": reference })).await;
        assert_eq!((&answer["type"], &answer["ref"]), (&json!("subscribed"), &json!(reference)));
        assert_eq!(answer["channels"], json!(["a", "b"]));
    }
    server.publish(&["a"], 1);
    server.publish(&["b"], 2);
    expect(&mut client, 1).await;
    expect(&mut client, 2).await;
    client.ask(json!({ "type": "unsubscribe", "channel": "a" })).await;
    server.publish(&["a"], 3);
    server.publish(&["b"], 4);
    expect(&mut client, 4).await;
}

#[tokio::test]
async fn what_was_published_before_a_leave_comes_before_its_answer_and_nothing_after() {
    let server = TestServer::start();
    let (mut client, _) = server.native("?channel=a&channel=b&everybody=0").await;
    for round in 0..50 {
        server.publish(&["a"], round);
        client.send_text(&json!({ "type": "unsubscribe", "channels": ["a", "c"], "ref": round }).to_string()).await;
        expect(&mut client, round).await;
        let answer = client.json().await;
        assert_eq!(answer, json!({ "type": "unsubscribed", "ref": round, "channels": ["a", "c"] }));
        server.publish(&["a"], "\"not for it\"");
        server.publish(&["b"], round);
        expect(&mut client, round).await;
        client.ask(json!({ "type": "subscribe", "channel": "a" })).await;
    }
}

#[tokio::test]
async fn a_pong_tells_how_far_the_client_is() {
    let server = TestServer::start();
    let (mut client, welcome) = server.native("?channel=a&everybody=0").await;
    let pong = client.ask(json!({ "type": "ping", "ref": -1.5 })).await;
    assert_eq!(pong, json!({ "type": "pong", "ref": -1.5, "id": welcome["id"] }));
    // What is not for the client counts: a client of a quiet channel does not stay behind.
    server.publish(&["b"], 1);
    server.publish(&[], 2);
    let pong = client.ask(json!({ "type": "ping" })).await;
    assert_eq!((seq_of(&pong), pong.as_object().unwrap().len()), (2, 2), "{pong}");
    server.publish(&["a"], 3);
    client.send_text(r#"{"type":"ping"}"#).await;
    expect(&mut client, 3).await;
    assert_eq!(seq_of(&client.json().await), 3);
}

#[tokio::test]
async fn heartbeats_tell_it_without_being_asked() {
    let server = TestServer::with(Settings { ping_interval_secs: Some(0.2), ..Settings::default() });
    let (mut native, welcome) = server.native("?channel=a").await;
    let (mut by_url, _) = server.by_url("?channel=a&everybody=0").await;
    assert_eq!(welcome["ping_interval"], 0.2);
    server.publish(&["b"], 1);
    for client in [&mut native, &mut by_url] {
        for _ in 0..2 {
            let heartbeat = client.json().await;
            assert_eq!(heartbeat, json!({ "type": "heartbeat", "id": heartbeat["id"] }));
            assert_eq!(seq_of(&heartbeat), 1);
        }
    }
    // Others are pinged and nothing else.
    let mut plain = server.connect().await;
    for _ in 0..2 {
        assert!(matches!(plain.next().await, Some(Ok(Message::Ping(_)))));
    }
}

#[tokio::test]
async fn wrong_commands_are_answered_with_what_is_wrong_and_change_nothing() {
    let server = TestServer::start();
    let (mut client, _) = server.native("?channel=a&everybody=0").await;
    for (command, part) in [
        (r#"{"type":"subscribe","ref":7}"#, "needs channel"),
        (r#"{"type":"subscribe","ref":7,"channel":"b","channels":["c"]}"#, "needs channel"),
        (r#"{"type":"subscribe","ref":7,"channels":[]}"#, "empty"),
        (r#"{"type":"unsubscribe","ref":7,"channels":[]}"#, "empty"),
        (r#"{"type":"unsubscribe","ref":7,"channels":["a",""]}"#, "a channel name has"),
        (r#"{"type":"subscribe","ref":7,"channels":"b"}"#, "wrong type"),
        (r#"{"type":"subscribe","ref":7,"channel":["b"]}"#, "wrong type"),
        (r#"{"type":"subscribe","ref":7,"channels":["b",1]}"#, "wrong type"),
        (r#"{"type":"subscribe","ref":7,"channels":{"b":1}}"#, "wrong type"),
        (r#"{"type":"subscribe","ref":7,"channel":"b","token":{}}"#, "wrong type"),
        (r#"{"type":"authenticate","ref":7}"#, "needs a token"),
        (r#"{"type":"authenticate","ref":7,"token":1}"#, "wrong type"),
        (r#"{"type":"authenticate","ref":7,"token":"x","everybody":"no"}"#, "wrong type"),
        (r#"{"type":"SUBSCRIBE","ref":7,"channel":"b"}"#, "type must be"),
        (r#"{"type":"publish","ref":7,"channel":"a","event":"test"}"#, "type must be"),
        (r#"{"type":"","ref":7}"#, "type must be"),
        (r#"{"type":["ping"],"ref":7}"#, "type must be"),
    ] {
        client.send_text(command).await;
        let error = client.json().await;
        assert_eq!(error_code(&error, &json!(7)), 107, "{command}: {error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{command}: {error}");
    }
    // What is no command at all has no `ref` either.
    for text in ["", "hello", "{broken", "[1]", "null", "{}", r#"{"type":null,"ref":7}"#, r#"{"ref":7,"channel":"b"}"#]
    {
        client.send_text(text).await;
        assert_eq!(error_code(&client.json().await, &Value::Null), 107, "{text}");
    }
    client.send(Message::binary(&br#"{"type":"subscribe","channel":"b"}"#[..])).await;
    assert_eq!(error_code(&client.json().await, &Value::Null), 107);
    server.publish(&["b", "c"], 1);
    server.publish(&["a"], 2);
    expect(&mut client, 2).await;
}

#[tokio::test]
async fn a_ref_is_returned_as_it_was_sent() {
    let server = TestServer::start();
    let (mut client, _) = server.native("").await;
    let longest = format!("\"{}\"", "x".repeat(62));
    for reference in ["0", "-0.50", "1e3", "18446744073709551616", r#""""#, r#""\u0061\/\n""#, "\"é\"", &longest] {
        client.send_text(&format!(r#"{{"ref":{reference},"type":"ping"}}"#)).await;
        let pong = client.text().await;
        assert!(pong.starts_with(&format!(r#"{{"type":"pong","ref":{reference},"id":""#)), "{reference}: {pong}");
    }
    let too_long = format!("\"{}\"", "x".repeat(63));
    for reference in ["{}", "[1]", "true", "false", &too_long] {
        client.send_text(&format!(r#"{{"type":"ping","ref":{reference}}}"#)).await;
        assert_eq!(error_code(&client.json().await, &Value::Null), 107, "{reference}");
    }
    client.send_text(r#"{"type":"ping","ref":null}"#).await;
    assert_eq!(client.json().await["type"], "pong");
}

#[tokio::test]
async fn names_that_need_a_right_are_refused_while_no_key_is_configured() {
    let server = TestServer::start();
    let (mut client, _) = server.native("?everybody=0").await;
    for name in ["private-a", "private-", "presence-a", "#server-to-user-7"] {
        let command = json!({ "type": "subscribe", "channels": ["a", name], "ref": name });
        assert_eq!(error_code(&client.ask(command).await, &json!(name)), 103, "{name}");
        let command = json!({ "type": "subscribe", "channel": name, "token": "x.y.z", "ref": name });
        assert_eq!(error_code(&client.ask(command).await, &json!(name)), 103, "{name}");
        server.publish(&[name, "a"], "\"not for it\"");
    }
    // Nothing is a token there.
    let command = json!({ "type": "authenticate", "token": "x.y.z", "ref": 1 });
    assert_eq!(error_code(&client.ask(command).await, &json!(1)), 101);
    // These only look like them.
    for (payload, name) in ["Private-a", "private", "privat-a", "PRESENCE-a", "a-private-b"].into_iter().enumerate() {
        let answer = client.ask(json!({ "type": "subscribe", "channel": name })).await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        server.publish(&[name], payload);
        expect(&mut client, payload).await;
    }
}

/// Holds the thread of the hub up at each message until the test lets it go.
struct Gate {
    reached: mpsc::Sender<()>,
    open: mpsc::Receiver<()>,
}

impl Application for Gate {
    fn opened(&mut self, _client: server::Client) {}

    fn received(&mut self, _session: SessionId, _message: ClientMessage) -> Reception {
        // The test may have failed meanwhile.
        let _ = self.reached.send(());
        let _ = self.open.recv_timeout(TIMEOUT);
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_gone_while_its_commands_are_followed_harms_nobody() {
    let (reached, is_reached) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let server = TestServer::with_application(Settings::default(), |_| Gate { reached, open: opened });
    let (mut other, _) = server.native("?channel=a&everybody=0").await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    // Its end is a reset.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    let mut gone = Client::native_over(stream, server.address, "/?channel=a").await;
    assert_eq!(gone.json().await["type"], "welcome");
    let leave = r#"{"type":"unsubscribe","channel":"a"}"#;
    gone.send_together(&["wait", leave, leave]).await;
    tokio::task::block_in_place(|| is_reached.recv_timeout(TIMEOUT)).unwrap();
    // What is published now is to be written before the leave is answered, and nobody is there any more.
    server.publish(&["a"], 1);
    drop(gone);
    open.send(()).unwrap();
    expect(&mut other, 1).await;
    assert_eq!(other.ask(json!({ "type": "ping" })).await["type"], "pong");
    server.publish(&["a"], 2);
    expect(&mut other, 2).await;
}
