//! What actions do, as clients see it.

use serde_json::{Value, json};
use testkit::{Broadcaster, Client, Finish as _, QueueDir};

use crate::support::admin::{Admin, Answer};
use crate::support::{BINARY, command};

const SECRET: &str = "a-secret-of-these-tests-of-more-than-32-bytes";

/// A broadcaster where tokens count.
fn start(queue: &QueueDir) -> (Broadcaster, Admin) {
    let secret = queue.root().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let secret = secret.to_str().unwrap();
    Admin::start(&queue.path(), &["--token-secret-file", secret, "--public-channels", "*"])
}

/// The query of a client of a user.
fn query(user: &str, channels: &str) -> String {
    let mut token = command(BINARY);
    token.args(["token", "create", "--user", user]).env("FASTAPI_WS_TOKEN_SECRET", SECRET);
    let token = String::from_utf8(token.finish().stdout).unwrap();
    format!("/?token={}&channel={}", token.trim(), channels.replace(',', "&channel="))
}

async fn native(broadcaster: &Broadcaster, query: &str) -> (Client, Value) {
    let mut client = Client::native(broadcaster.address(), query).await;
    let welcome = client.json().await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    (client, welcome)
}

/// An action, off the thread of the clients.
async fn post(admin: Admin, path: &'static str, body: Value) -> Answer {
    tokio::task::spawn_blocking(move || admin.post(path, &body)).await.unwrap()
}

#[tokio::test]
async fn an_event_is_published_through_the_queue_and_named_by_its_uid() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    let (mut client, _) = native(&broadcaster, &query("42", "a,b")).await;
    let (mut other, welcome) = native(&broadcaster, &query("4", "a")).await;
    let answer = post(admin, "/publish", json!({ "event": "x\"y", "payload": { "a": [1.0] }, "channel": "a" })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let uid = answer.json()["uid"].as_str().unwrap().to_owned();
    assert_eq!(uid.len(), 36, "{uid}");
    let message = client.json().await;
    assert_eq!((&message["event"], &message["channel"]), (&"x\"y".into(), &"a".into()), "{message}");
    assert_eq!(other.json().await["payload"], json!({ "a": [1.0] }));
    let rest = json!({
        "event": "test", "payload": null, "channels": ["b", "a"], "except": welcome["client"], "key": "k", "ttl": 60,
        "priority": "high",
    });
    for _ in 0..2 {
        assert_eq!(post(admin, "/publish", rest.clone()).await.status, 200);
    }
    assert_eq!(post(admin, "/publish", json!({ "event": "end", "payload": 1, "channels": ["a"] })).await.status, 200);
    assert_eq!(client.json().await["channel"], "b");
    assert_eq!(client.json().await["event"], "end", "the same key is sent once");
    assert_eq!(other.json().await["event"], "end");
    let mut plain = Client::connect(broadcaster.address(), "/").await;
    assert_eq!(post(admin, "/publish", json!({ "event": "test", "payload": "ä" })).await.status, 200);
    assert_eq!(plain.payload().await, "\"ä\"");
    broadcaster.stop();
}

#[tokio::test]
async fn an_event_whose_entry_cannot_be_written_is_refused() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    std::fs::remove_dir_all(queue.path()).unwrap();
    std::fs::write(queue.path(), "no directory").unwrap();
    let answer = post(admin, "/publish", json!({ "event": "test", "payload": 1 })).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.error().contains(queue.path().to_str().unwrap()), "{answer:?}");
    broadcaster.stop();
}

#[tokio::test]
async fn a_queue_directory_that_is_gone_is_not_created_for_an_event() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    std::fs::remove_dir_all(queue.path()).unwrap();
    let answer = post(admin, "/publish", json!({ "event": "test", "payload": 1 })).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.error().contains("is missing") && !queue.path().exists(), "{answer:?}");
    broadcaster.stop();
}

#[tokio::test]
async fn connections_of_a_user_or_one_client_are_closed() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    let (mut first, _) = native(&broadcaster, &query("42", "a")).await;
    let (mut second, _) = native(&broadcaster, &query("42", "b")).await;
    let (mut other, welcome) = native(&broadcaster, &query("4", "a")).await;
    assert_eq!(post(admin, "/disconnect", json!({ "user": "42" })).await.json(), json!({ "disconnected": 2 }));
    assert_eq!((first.close_code().await, second.close_code().await), (4403, 4403));
    assert_eq!(post(admin, "/disconnect", json!({ "user": "42" })).await.json(), json!({ "disconnected": 0 }));
    let closed = post(admin, "/disconnect", json!({ "client": welcome["client"] })).await;
    assert_eq!(closed.json(), json!({ "disconnected": 1 }));
    assert_eq!(other.close_code().await, 4403);
    broadcaster.stop();
}

#[tokio::test]
async fn subscriptions_are_ended_and_the_client_is_told() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    let (mut client, welcome) = native(&broadcaster, &query("42", "a,b,c")).await;
    let ended = post(admin, "/unsubscribe", json!({ "user": "42", "channels": ["a", "z", "b"] })).await;
    assert_eq!(ended.json(), json!({ "unsubscribed": 1 }));
    assert_eq!(client.json().await, json!({ "type": "unsubscribed", "channels": ["a", "b"], "code": 103 }));
    let ended = post(admin, "/unsubscribe", json!({ "client": welcome["client"], "channel": "c" })).await;
    assert_eq!(ended.json(), json!({ "unsubscribed": 1 }));
    assert_eq!(client.json().await["channels"], json!(["c"]));
    let ended = post(admin, "/unsubscribe", json!({ "user": "42", "channel": "c" })).await;
    assert_eq!(ended.json(), json!({ "unsubscribed": 0 }));
    broadcaster.stop();
}

#[tokio::test]
async fn channels_are_listed_page_by_page() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    let mut clients = Vec::new();
    for number in 0..5 {
        clients.push(native(&broadcaster, &query("42", &format!("all,of.{number}"))).await);
    }
    let all = post(admin, "/channels", json!({})).await.json();
    assert_eq!(all["channels"][0], json!({ "channel": "all", "subscribers": 5 }));
    assert_eq!((all["channels"].as_array().unwrap().len(), &all["next"]), (6, &Value::Null));
    let mut names = Vec::new();
    let mut after = json!("");
    while !after.is_null() {
        let page = post(admin, "/channels", json!({ "prefix": "of.", "after": after, "limit": 2 })).await.json();
        names.extend(page["channels"].as_array().unwrap().iter().map(|channel| channel["channel"].clone()));
        after = page["next"].clone();
    }
    assert_eq!(names, ["of.0", "of.1", "of.2", "of.3", "of.4"]);
    broadcaster.stop();
}

#[test]
fn what_cannot_be_understood_is_refused_with_a_sentence_that_says_what_is_wrong() {
    let queue = QueueDir::new();
    let (mut broadcaster, admin) = start(&queue);
    for (path, body, sentence) in [
        ("/publish", json!({ "event": "x" }), "missing field `payload`"),
        ("/publish", json!({ "payload": 1 }), "missing field `event`"),
        ("/publish", json!({ "event": "x", "payload": 1, "chanel": "a" }), "unknown field `chanel`"),
        (
            "/publish",
            json!({ "event": "x", "payload": 1, "channel": "a b" }),
            "\"a b\" is no channel: a channel name has",
        ),
        ("/publish", json!({ "event": "x", "payload": 1, "channel": "a", "channels": ["b"] }), "and not both"),
        ("/publish", json!({ "event": "x", "payload": 1, "channels": [] }), "channels is empty"),
        ("/publish", json!({ "event": "x", "payload": 1, "key": "" }), "key"),
        ("/publish", json!({ "event": "x", "payload": 1, "ttl": -1 }), "-1"),
        ("/publish", json!({ "event": 7, "payload": 1 }), "expected a string"),
        ("/publish", json!([1]), "the request cannot be understood"),
        ("/disconnect", json!({}), "user or client, and not both"),
        ("/disconnect", json!({ "user": "1", "client": "1.2" }), "user or client, and not both"),
        ("/disconnect", json!({ "client": "me" }), "\"me\" is no client: a client id is two numbers"),
        ("/disconnect", json!({ "user": 42 }), "expected a string"),
        ("/unsubscribe", json!({ "user": "1" }), "say which subscriptions end"),
        ("/unsubscribe", json!({ "channel": "a" }), "user or client"),
        ("/unsubscribe", json!({ "user": "1", "channels": vec!["a"; 101] }), "more than 100 channels"),
        ("/channels", json!({ "limit": 0 }), "limit must be 1 to 1000"),
        ("/channels", json!({ "limit": 1001 }), "limit must be 1 to 1000"),
        ("/channels", json!({ "page": 1 }), "unknown field `page`"),
    ] {
        let answer = admin.post(path, &body);
        assert_eq!(answer.status, 400, "{path} {body}: {answer:?}");
        assert!(answer.error().contains(sentence), "{path} {body}: {answer:?}");
    }
    let authorization = format!("Bearer {}", crate::support::admin::TOKEN);
    for body in ["", "{", "event=x", "\u{0}"] {
        let answer = admin.request("POST", "/publish", &[("Authorization", &authorization)], body);
        assert!(answer.status == 400 && answer.error().contains("the body is no JSON"), "{body:?}: {answer:?}");
    }
    assert_eq!(queue.waiting(), 0);
    broadcaster.stop();
}
