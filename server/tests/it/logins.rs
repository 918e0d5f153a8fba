//! Tokens of connections that are open: logging in again, subscriptions by a token of their own, and the end of both.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use server::config::Settings;
use server::token::Secret;
use testkit::Client;
use tokio_tungstenite::tungstenite::Message;

use crate::channels::seq_of;
use crate::commands::{error_code, expect};
use crate::rights::signing::{OTHER_SECRET, SECRET, hs256};
use crate::util::TestServer;

/// How far clocks may differ: tokens count for so long after `exp`.
const LEEWAY: u64 = 30;
/// Long enough for a test to connect a few clients with a token that ends then.
const SOON: u64 = 5;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token with these claims beside `exp`, that counts for so many seconds.
fn token_for(seconds: u64, claims: Value) -> String {
    let mut claims = claims;
    claims["exp"] = json!(now() + seconds - LEEWAY);
    hs256(SECRET, &claims.to_string())
}

fn token(claims: Value) -> String {
    token_for(LEEWAY + 600, claims)
}

/// A server with a key, where `public...` and `news` need no right.
fn server() -> TestServer {
    server_with(Settings::default())
}

fn server_with(settings: Settings) -> TestServer {
    let own = Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(vec!["public*".parse().unwrap(), "news".parse().unwrap()]),
        ..Settings::default()
    };
    TestServer::with(settings.or(own))
}

/// The close code and reason that come next, after messages and pings.
async fn close(client: &mut Client) -> (u16, String) {
    loop {
        match client.next().await {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
            Some(Ok(_)) => {}
            other => panic!("{other:?} instead of a close frame"),
        }
    }
}

/// The next message, if it is no heartbeat, which may come at any time.
async fn told(client: &mut Client) -> Value {
    loop {
        let message = client.json().await;
        if message["type"] != "heartbeat" {
            return message;
        }
    }
}

#[tokio::test]
async fn without_a_token_there_is_what_is_public_and_nothing_else() {
    let server = server();
    let (mut client, _) = server.native("").await;
    for name in ["private-user.42", "orders", "publi", "Public", "news.1", "presence-public"] {
        let command = json!({ "type": "subscribe", "channels": ["news", name], "ref": name });
        assert_eq!(error_code(&client.ask(command).await, &json!(name)), 101, "{name}");
    }
    let command = json!({ "type": "subscribe", "channel": "#server-to-user-42", "ref": 1 });
    assert_eq!(error_code(&client.ask(command).await, &json!(1)), 103);
    server.publish(&["news", "orders", "private-user.42"], 1);
    server.publish(&[], 2);
    let answer = client.ask(json!({ "type": "subscribe", "channels": ["news", "public.a"] })).await;
    assert_eq!((seq_of(&answer), &answer["channels"]), (2, &json!(["news", "public.a"])));
    server.publish(&["private-user.42"], 3);
    server.publish(&["public.a"], 4);
    expect(&mut client, 4).await;
}

#[tokio::test]
async fn a_token_may_come_after_the_connection_and_brings_its_channels() {
    let server = server();
    let (mut client, _) = server.native("?channel=news").await;
    let exp = now() + 600;
    let claims = json!({ "sub": "42", "exp": exp, "channels": ["private-a", "news"], "allow": ["private-user.42*"] });
    let command = json!({ "type": "authenticate", "token": hs256(SECRET, &claims.to_string()), "ref": "l" });
    let answer = client.ask(command).await;
    let expires_at = exp + LEEWAY;
    assert_eq!(answer, json!({ "type": "authenticated", "ref": "l", "user": "42", "expires_at": expires_at }));
    let subscribed = client.json().await;
    assert_eq!(subscribed, json!({ "type": "subscribed", "channels": ["private-a"], "id": subscribed["id"] }));
    let answer = client.ask(json!({ "type": "subscribe", "channel": "private-user.42.orders" })).await;
    assert_eq!(answer["type"], "subscribed", "{answer}");
    for name in ["private-user.4", "private-user.43", "private-b", "Private-a", "private-a/"] {
        let command = json!({ "type": "subscribe", "channel": name, "ref": name });
        assert_eq!(error_code(&client.ask(command).await, &json!(name)), 103, "{name}");
        server.publish(&[name], "\"not for it\"");
    }
    for (payload, name) in ["private-a", "news", "private-user.42.orders"].into_iter().enumerate() {
        server.publish(&[name], payload);
        expect(&mut client, payload).await;
    }
    // A token without channels and user says so.
    let (mut client, _) = server.native("").await;
    let answer = client.ask(json!({ "type": "authenticate", "token": token(json!({})) })).await;
    assert_eq!((&answer["type"], answer.as_object().unwrap().len()), (&json!("authenticated"), 2), "{answer}");
}

#[tokio::test]
async fn a_token_of_another_user_or_none_changes_nothing() {
    let server = server();
    let allow = json!(["private-user.42"]);
    let (mut client, _) = server.native(&format!("?token={}", token(json!({ "sub": "42", "allow": allow })))).await;
    client.ask(json!({ "type": "subscribe", "channel": "private-user.42" })).await;
    for (token, code) in [
        (token(json!({ "sub": "43", "allow": ["*"], "channels": ["private-b"] })), 103),
        (token(json!({ "allow": ["*"], "channels": ["private-b"] })), 103),
        (token(json!({ "sub": "42", "channel": "private-b" })), 101),
        (token_for(0, json!({ "sub": "42", "allow": ["*"] })), 109),
        (hs256(OTHER_SECRET, &json!({ "sub": "42", "exp": now() + 600, "allow": ["*"] }).to_string()), 101),
        ("x".to_owned(), 101),
        (String::new(), 101),
        ("x".repeat(9000), 101),
    ] {
        let command = json!({ "type": "authenticate", "token": token, "ref": code });
        assert_eq!(error_code(&client.ask(command).await, &json!(code)), code, "{token}");
    }
    let command = json!({ "type": "subscribe", "channel": "private-b", "ref": 1 });
    assert_eq!(error_code(&client.ask(command).await, &json!(1)), 103);
    server.publish(&["private-b"], 1);
    server.publish(&["private-user.42"], 2);
    expect(&mut client, 2).await;
}

#[tokio::test]
async fn subscriptions_that_a_new_token_does_not_cover_end() {
    let server = server();
    let first = token(json!({ "sub": "42", "channels": ["private-a", "private-b"], "allow": ["private-c*"] }));
    let (mut client, welcome) = server.native(&format!("?channel=news&token={first}")).await;
    assert_eq!(welcome["channels"], json!(["news", "private-a", "private-b"]));
    client.ask(json!({ "type": "subscribe", "channels": ["private-c1", "private-c2", "public"] })).await;
    let second = token(json!({ "sub": "42", "channels": ["private-a"], "allow": ["private-c1"] }));
    let ended = client.ask(json!({ "type": "authenticate", "token": second, "ref": 1 })).await;
    let mut names: Vec<&str> =
        ended["channels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!((&ended["type"], &ended["code"], ended.get("ref")), (&json!("unsubscribed"), &json!(103), None));
    assert_eq!(names, ["private-b", "private-c2"]);
    assert_eq!(client.json().await["type"], "authenticated");
    for name in ["private-b", "private-c2"] {
        server.publish(&[name], "\"not for it\"");
        let command = json!({ "type": "subscribe", "channel": name, "ref": name });
        assert_eq!(error_code(&client.ask(command).await, &json!(name)), 103);
    }
    for (payload, name) in ["news", "private-a", "private-c1", "public"].into_iter().enumerate() {
        server.publish(&[name], payload);
        expect(&mut client, payload).await;
    }
}

#[tokio::test]
async fn events_for_everybody_are_chosen_and_allowed_anew() {
    let server = server();
    let (mut client, _) = server.native("").await;
    let reads_all = || token(json!({ "sub": "42", "channels": ["private-a"], "allow": ["everybody"] }));
    let mut published = 0;
    let mut gets = async |client: &mut Client, expected: bool, why: &str| {
        published += 2;
        server.publish(&[], published);
        server.publish(&["private-a"], published + 1);
        if expected {
            assert_eq!(told(client).await["payload"], published, "{why}");
        }
        assert_eq!(told(client).await["payload"], published + 1, "{why}");
    };
    for (everybody, expected, messages) in [
        (json!(null), false, 2),
        (json!(true), true, 2),
        // What was chosen before stays.
        (json!(null), true, 1),
        (json!(false), false, 1),
        (json!(null), false, 1),
        (json!(true), true, 2),
    ] {
        let why = everybody.to_string();
        let command = json!({ "type": "authenticate", "token": reads_all(), "everybody": everybody });
        assert_eq!(client.ask(command).await["type"], "authenticated");
        for _ in 1..messages {
            assert_eq!(client.json().await["type"], "subscribed", "{why}");
        }
        gets(&mut client, expected, &why).await;
    }
    // One that may not have them is told so where it asks, and loses them where it does not.
    let others = || token(json!({ "sub": "42", "channels": ["private-a"] }));
    let command = json!({ "type": "authenticate", "token": others(), "everybody": true, "ref": 1 });
    assert_eq!(error_code(&client.ask(command).await, &json!(1)), 103);
    gets(&mut client, true, "a token that is refused changes nothing").await;
    assert_eq!(client.ask(json!({ "type": "authenticate", "token": others() })).await["type"], "authenticated");
    gets(&mut client, false, "the token does not allow it").await;
}

#[tokio::test]
async fn connections_end_with_their_token_after_a_warning_unless_there_is_a_new_one() {
    let server = server_with(Settings { public_channels: Some(vec!["*".parse().unwrap()]), ..Settings::default() });
    let ends = || token_for(SOON, json!({ "sub": "42", "allow": ["private-a"] }));
    let (mut native, _) = server.native(&format!("?token={}", ends())).await;
    let (mut by_url, _) = server.by_url(&format!("?channel=private-a&token={}", ends())).await;
    let mut plain = Client::connect(server.address, &format!("/?token={}", ends())).await;
    let (mut renewed, _) = server.native(&format!("?channel=private-a&token={}", ends())).await;
    let (mut late, _) = server.native("").await;
    assert_eq!(late.ask(json!({ "type": "authenticate", "token": ends() })).await["type"], "authenticated");

    assert_eq!(told(&mut renewed).await, json!({ "type": "expiring" }));
    let next = token(json!({ "sub": "42", "allow": ["private-a"] }));
    assert_eq!(renewed.ask(json!({ "type": "authenticate", "token": next })).await["type"], "authenticated");
    for client in [&mut native, &mut by_url, &mut late] {
        assert_eq!(told(client).await, json!({ "type": "expiring" }), "once");
        let mut last = None;
        let closed = loop {
            match client.next().await {
                Some(Ok(Message::Close(Some(frame)))) => break (u16::from(frame.code), frame.reason.to_string()),
                Some(Ok(Message::Text(text))) => last = Some(text),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((closed, last), ((4401, "token expired".to_owned()), None));
    }
    // Nothing is told to a plain client, in whose messages there is no place for it.
    assert!(matches!(plain.next().await, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 4401));
    server.publish(&["private-a"], 1);
    expect(&mut renewed, 1).await;
    // It is not said again that the token of before ends.
    let answer = renewed.ask(json!({ "type": "ping" })).await;
    assert_eq!(answer["type"], "pong", "{answer}");
}

#[tokio::test]
async fn a_token_for_one_channel_allows_that_subscription_and_no_other() {
    const ANONYMOUS: usize = 0;
    const USER: usize = 1;
    let server = server();
    let (anonymous, _) = server.native("?channel=news").await;
    let (user, _) = server.native(&format!("?token={}", token(json!({ "sub": "42" })))).await;
    let mut clients = [anonymous, user];
    let for_anyone = || token(json!({ "channel": "private-a" }));
    let for_user = |user: &str| token(json!({ "channel": "private-a", "sub": user }));
    let subscribe = |channels: &[&str], token: String| json!({ "type": "subscribe", "channels": channels, "token": token, "ref": 0 });
    for (client, command, code) in [
        (ANONYMOUS, subscribe(&["private-b"], for_anyone()), Some(103)),
        (ANONYMOUS, subscribe(&["private-a", "private-b"], for_anyone()), Some(103)),
        (ANONYMOUS, subscribe(&["private-a"], for_user("42")), Some(103)),
        (USER, subscribe(&["private-a"], for_user("43")), Some(103)),
        // A login is no token for a channel.
        (ANONYMOUS, subscribe(&["private-a"], token(json!({ "allow": ["private-a"] }))), Some(101)),
        (ANONYMOUS, subscribe(&["private-a"], "x".to_owned()), Some(101)),
        (ANONYMOUS, subscribe(&["private-a"], token_for(0, json!({ "channel": "private-a" }))), Some(109)),
        (ANONYMOUS, subscribe(&["private-a"], for_anyone()), None),
        (USER, subscribe(&["private-a"], for_user("42")), None),
    ] {
        let answer = clients[client].ask(command.clone()).await;
        match code {
            Some(code) => assert_eq!(error_code(&answer, &json!(0)), code, "{command}: {answer}"),
            None => assert_eq!(answer["type"], "subscribed", "{command}: {answer}"),
        }
    }
    let [mut anonymous, mut user] = clients;
    // The token is of that subscription alone: it is needed again.
    anonymous.ask(json!({ "type": "unsubscribe", "channel": "private-a" })).await;
    let command = json!({ "type": "subscribe", "channel": "private-a", "ref": 1 });
    assert_eq!(error_code(&anonymous.ask(command).await, &json!(1)), 101);
    server.publish(&["private-a"], 1);
    server.publish(&["news"], 2);
    expect(&mut anonymous, 2).await;
    expect(&mut user, 1).await;
}

#[tokio::test]
async fn a_subscription_ends_with_its_token_and_no_other_does() {
    let server = server();
    let ends = || token_for(SOON, json!({ "channel": "private-a" }));
    let subscribe = |token: String| json!({ "type": "subscribe", "channels": ["news", "private-a"], "token": token });
    let (mut client, _) = server.native("").await;
    let (mut renewed, _) = server.native("").await;
    for client in [&mut client, &mut renewed] {
        assert_eq!(client.ask(subscribe(ends())).await["type"], "subscribed");
    }
    // Subscribed again, it lasts as long as the new token.
    let next = token(json!({ "channel": "private-a" }));
    assert_eq!(renewed.ask(subscribe(next)).await["type"], "subscribed");
    let ended = told(&mut client).await;
    assert_eq!(ended, json!({ "type": "unsubscribed", "channels": ["private-a"], "code": 109 }));
    server.publish(&["private-a"], 1);
    server.publish(&["news"], 2);
    expect(&mut client, 2).await;
    expect(&mut renewed, 1).await;
    expect(&mut renewed, 2).await;
    // Not a later turn either ends it.
    let answer = renewed.ask(json!({ "type": "ping" })).await;
    assert_eq!((&answer["type"], seq_of(&answer)), (&json!("pong"), 2));
}

#[tokio::test]
async fn one_token_is_of_no_use_in_place_of_another() {
    let server = server_with(Settings { anonymous: Some(false), ..Settings::default() });
    let open = |token: String| {
        let address = server.address;
        async move {
            let request = format!("ws://{address}/?channel=news&token={token}");
            testkit::within("an answer", tokio_tungstenite::connect_async(request)).await.is_ok()
        }
    };
    let claims = json!({ "sub": "42" });
    assert!(open(token(claims.clone())).await);
    // It counts again while it lasts, and not after it.
    let ends = token_for(SOON, claims);
    assert!(open(ends.clone()).await && open(ends.clone()).await);
    let (mut client, _) = server.native(&format!("?token={ends}")).await;
    assert_eq!(close(&mut client).await.0, 4401);
    assert!(!open(ends.clone()).await);
    let (mut client, _) = server.native(&format!("?token={}", token(json!({ "sub": "42" })))).await;
    let command = json!({ "type": "authenticate", "token": ends, "ref": 1 });
    assert_eq!(error_code(&client.ask(command).await, &json!(1)), 109);
    assert!(!open(token(json!({ "sub": "42", "channel": "news" }))).await, "it is for one subscription");
}
