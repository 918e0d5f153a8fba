//! Events that PHP publishes to channels reach the clients whose tokens, made by PHP, allow it, and nobody else.

use futures_util::StreamExt;
use testkit::{QueueDir, within};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{Php, broadcaster, queue_dir};

const SECRET: &str = "a secret of more than 32 bytes that PHP and the broadcaster share";
const SCRIPT: &str = "publish_to_channels.php";

async fn token(queue: &QueueDir, secret: &str, user: &str) -> String {
    Php::run(SCRIPT, queue, ["token", secret, user]).await.remove(0)
}

/// What a client receives, as `channel event payload`, up to the event `end`.
async fn received(url: String, ready: tokio::sync::oneshot::Sender<()>) -> Vec<String> {
    let (mut socket, _) = within("the client connects", connect_async(url)).await.expect("a WebSocket");
    let mut ready = Some(ready);
    let mut events = Vec::new();
    loop {
        let message = within("the event `end`", socket.next()).await.expect("the connection stays open").unwrap();
        let Message::Text(text) = message else { continue };
        let message: serde_json::Value = serde_json::from_str(&text).unwrap();
        match (&message["event"], &message["type"]) {
            (serde_json::Value::String(event), _) => {
                events.push(format!("{} {event} {}", message["channel"].as_str().unwrap(), message["payload"]));
                if event == "end" {
                    return events;
                }
            }
            (_, kind) => {
                assert_eq!(kind, "welcome");
                ready.take().expect("one welcome").send(()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn each_user_receives_what_php_publishes_to_the_channels_of_that_users_token() {
    let queue = queue_dir();
    let mut command = broadcaster::on(&queue);
    command.env("FASTAPI_WS_TOKEN_SECRET", SECRET).args(["--public-channels", "public.*"]);
    let broadcaster = broadcaster::spawn(&mut command).await;
    let address = broadcaster.address();
    let url = |query: String| format!("ws://{address}/?{query}");
    let mut clients = Vec::new();
    for query in [
        format!("token={}", token(&queue, SECRET, "ada").await),
        format!("token={}&channel=public.news", token(&queue, SECRET, "bob").await),
        "channel=public.news".to_owned(),
    ] {
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        clients.push(tokio::spawn(received(url(query), ready)));
        within("the client is welcome", is_ready).await.unwrap();
    }
    assert!(Php::run(SCRIPT, &queue, ["publish", "", ""]).await.is_empty());

    let mut received = Vec::new();
    for client in clients {
        received.push(client.await.unwrap());
    }
    let ada = ["private-user.ada to ada {\"total\":9.5}", "private-user.ada to both null", "private-user.ada end null"];
    assert_eq!(received[0], ada);
    let bob = [
        "private-user.bob to bob null",
        "private-user.bob to both null",
        "public.news news \"é🍵\"",
        "public.news outdated null",
        "public.news end null",
    ];
    assert_eq!(received[1], bob);
    assert_eq!(received[2], ["public.news to both null", bob[2], bob[3], bob[4]]);
    queue.is_drained().await;
    assert_eq!(queue.failed(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_of_php_with_another_secret_or_for_another_channel_is_refused() {
    let queue = queue_dir();
    let mut command = broadcaster::on(&queue);
    command.env("FASTAPI_WS_TOKEN_SECRET", SECRET).args(["--public-channels", "public.*"]);
    let broadcaster = broadcaster::spawn(&mut command).await;
    let other = token(&queue, "another secret of more than 32 bytes, which nobody shares", "ada").await;
    let ada = token(&queue, SECRET, "ada").await;
    for (query, status) in [
        (format!("token={other}"), 401),
        ("channel=private-user.ada".to_owned(), 401),
        (format!("token={ada}&channel=private-user.bob"), 403),
        (format!("token={ada}&channel=private-room.7"), 101),
    ] {
        let connected = within("an answer", connect_async(format!("ws://{}/?{query}", broadcaster.address()))).await;
        let answered = match connected {
            Ok((_, response)) => response.status(),
            Err(Error::Http(response)) => response.status(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(answered.as_u16(), status, "{}", query.replace(&ada, "ada").replace(&other, "other"));
    }
}
