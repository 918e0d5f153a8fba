//! What clients of server-sent events receive, alone and beside those of WebSocket.

use serde_json::{Value, json};
use server::config::Settings;
use server::{Application, Audience, ClientMessage, Publication, Reception, SessionId};
use testkit::{Block, Client, EventStream};

use crate::channels::seq_of;
use crate::util::{TestServer, names};

/// Connects a client, and returns it with its first block.
pub(crate) async fn stream(server: &TestServer, target: &str) -> (EventStream, Block) {
    let mut client = EventStream::open(server.address, target, "").await;
    assert_eq!(client.status(), 200, "{}", client.head);
    let first = client.event().await;
    (client, first)
}

/// The number of a publication in an id.
fn seq(block: &Block) -> u64 {
    seq_of(&json!({ "id": block.id }))
}

#[tokio::test]
async fn the_first_block_says_when_to_come_back_and_where_the_client_is() {
    let server = TestServer::start();
    server.publish(&["a"], 1);
    let (client, first) = stream(&server, "/?channel=a").await;
    assert!(first.retry.is_some_and(|retry| (2000..=7000).contains(&retry)), "{first:?}");
    assert_eq!(seq(&first), 1);
    assert_eq!(first, Block { retry: first.retry, id: first.id.clone(), ..Block::default() });
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
        ("vary", "Origin"),
        ("connection", "close"),
    ] {
        assert_eq!(client.header(name), Some(value), "{}", client.head);
    }
    assert!(client.header("content-length").or(client.header("transfer-encoding")).is_none(), "{}", client.head);
}

#[tokio::test]
async fn events_are_the_messages_of_websocket_with_their_id() {
    let server = TestServer::start();
    for target in ["/any/path?channel=a", "/?channel=a&named=0"] {
        let (mut client, first) = stream(&server, target).await;
        let (mut other, _) = server.by_url("?channel=a").await;
        server.publish(&["a"], r#"{"a\/b":1.0}"#);
        server.publish(&[], "2");
        for more in 1..=2 {
            let block = client.event().await;
            assert_eq!(block.data, Some(other.text().await));
            assert_eq!(block.json()["id"], json!(block.id));
            assert_eq!(seq(&block), seq(&first) + more);
            assert_eq!(block, Block { id: block.id.clone(), data: block.data.clone(), ..Block::default() });
        }
    }
}

#[tokio::test]
async fn without_channels_a_client_gets_what_is_for_everybody() {
    let server = TestServer::start();
    let (mut client, _) = stream(&server, "/").await;
    let (mut none, _) = stream(&server, "/?channel=b&everybody=0").await;
    server.publish(&["a"], 1);
    server.publish(&[], 2);
    server.publish(&["b"], 3);
    assert_eq!(client.payload().await, json!(2));
    assert_eq!(none.payload().await, json!(3));
}

#[tokio::test]
async fn with_names_the_type_of_an_event_is_its_name() {
    let server = TestServer::start();
    let (mut named, _) = stream(&server, "/?channel=a&named=1").await;
    let (mut plain, _) = stream(&server, "/?channel=a").await;
    let channels = names(&["a"]);
    for (name, payload, kind) in [
        (r#""order\/new""#, "1", Some("order/new")),
        (r#""caf\u00e9 ""#, "{\n\"a\":\r\n1}", Some("café ")),
        (r#""two\nlines""#, "2", None),
        (r#""\u0000""#, "3", None),
        ("7", "4", Some("7")),
    ] {
        for audience in [Audience::Everybody, Audience::Channels(&channels)] {
            server.hub.publish(&Publication { audience, ..Publication::to_everybody(name, payload, 7) });
            let (block, other) = (named.event().await, plain.event().await);
            assert_eq!((block.event.as_deref(), other.event), (kind, None), "{name}");
            assert_eq!((block.id.as_ref(), block.data.as_ref()), (other.id.as_ref(), other.data.as_ref()));
            let expected: Value = serde_json::from_str(name).unwrap();
            assert_eq!(block.json()["event"], expected);
            let expected: Value = serde_json::from_str(payload).unwrap();
            assert_eq!(block.json()["payload"], expected);
        }
    }
}

#[tokio::test]
async fn clients_of_all_kinds_on_one_channel_get_the_same_in_the_same_order() {
    const EVENTS: u64 = 300;
    for hub_threads in [1, 3] {
        let server = TestServer::with(Settings { hub_threads: Some(hub_threads), ..Settings::default() });
        let (mut streams, mut sockets) = (Vec::new(), Vec::new());
        for _ in 0..hub_threads {
            for target in ["/?channel=a&channel=b", "/?channel=b&channel=a&named=1"] {
                streams.push(stream(&server, target).await.0);
            }
            sockets.push(server.native("?channel=a&channel=b").await.0);
            sockets.push(server.by_url("?channel=a&channel=b").await.0);
        }
        let mut plain = server.connect().await;
        for number in 0..EVENTS {
            match number % 4 {
                0 => server.publish(&["a"], number),
                1 => server.publish(&["x", "b", "a"], number),
                2 => server.publish(&["b"], number),
                _ => server.publish(&[], number),
            }
        }
        for number in 0..EVENTS {
            let expected = sockets[0].json().await;
            assert_eq!(expected["payload"], json!(number));
            for socket in &mut sockets[1..] {
                assert_eq!(socket.json().await, expected);
            }
            for stream in &mut streams {
                assert_eq!(stream.event().await.json(), expected);
            }
            if number % 4 == 3 {
                assert_eq!(plain.payload().await, number.to_string());
            }
        }
    }
}

#[tokio::test]
async fn a_channel_stays_while_a_client_of_any_kind_has_it() {
    let server = TestServer::with(Settings { max_channels: Some(1), ..Settings::default() });
    let (mut socket, _) = server.native("?channel=a").await;
    let (mut one, _) = stream(&server, "/?channel=a").await;
    let (mut named, _) = stream(&server, "/?channel=a&named=1").await;
    socket.ask(json!({ "type": "unsubscribe", "channel": "a" })).await;
    server.publish(&["a"], 1);
    assert_eq!((one.payload().await, named.payload().await), (json!(1), json!(1)));
    drop(one);
    server.publish(&["a"], 2);
    assert_eq!(named.payload().await, json!(2));
    socket.ask(json!({ "type": "subscribe", "channel": "a" })).await;
    drop(named);
    server.publish(&["a"], 3);
    assert_eq!(socket.payload().await, "3");
    // Its room is free when the last has left.
    socket.ask(json!({ "type": "unsubscribe", "channel": "a" })).await;
    while socket.ask(json!({ "type": "subscribe", "channel": "b" })).await["type"] == "error" {}
}

#[tokio::test]
async fn heartbeats_tell_how_far_a_client_is_and_nothing_else_comes() {
    let server = TestServer::with(Settings { ping_interval_secs: Some(1.0), ..Settings::default() });
    let (mut client, first) = stream(&server, "/?channel=a").await;
    // What is not for it moves its position too.
    server.publish(&["b"], 1);
    let expected = Block { id: first.id.map(|id| id.replace("-0", "-1")), ..Block::default() };
    assert_eq!(client.block().await, Some(expected.clone()));
    assert_eq!(client.block().await, Some(expected.clone()));
    server.publish(&["a"], 2);
    assert_eq!(seq(&client.event().await), 2);
    assert_eq!(client.block().await.map(|block| seq(&block)), Some(2));
}

#[tokio::test]
async fn firefox_gets_the_id_of_the_first_block_and_of_heartbeats_with_data() {
    let server = TestServer::with(Settings { ping_interval_secs: Some(1.0), ..Settings::default() });
    let agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0\r\n";
    let mut client = EventStream::open(server.address, "/?channel=a", agent).await;
    for _ in 0..2 {
        let block = client.block().await.expect("a block");
        assert_eq!(block.event.as_deref(), Some("fastapi:heartbeat"));
        assert_eq!(block.json(), json!({ "type": "heartbeat", "id": block.id }));
    }
}

#[tokio::test]
async fn a_client_that_names_a_position_that_is_not_known_is_told_that_something_may_be_lost() {
    let server = TestServer::start();
    server.publish(&[], 1);
    let (client, first) = stream(&server, "/").await;
    let id = first.id.clone().unwrap();
    drop(client);
    let header = |id: &str| format!("Last-Event-ID: {id}\r\n");
    for (query, lines) in [
        (format!("?after={}", id.replace("-1", "-2")), String::new()),
        ("?after=t.1700000000000".to_owned(), String::new()),
        ("?last_event_id=x&after=y".to_owned(), String::new()),
        ("?channel=a".to_owned(), header(&id.replace("-1", "-9"))),
        (format!("?channel=a&after={id}"), header("x")),
        // Another server was here before, and its clients are not to be refused permanently.
        (String::new(), header("urn:uuid:0")),
        (String::new(), header(&"x".repeat(65))),
        (String::new(), format!("{}{}", header("x"), header("y"))),
    ] {
        for named in ["", "&named=1"] {
            let target = format!("/{}{named}", if query.is_empty() { "?" } else { &query });
            let mut client = EventStream::open(server.address, &target, &lines).await;
            let gap = client.block().await.expect("a block");
            assert!(gap.retry.is_some() && gap.comment.is_none(), "{target} {lines}: {gap:?}");
            assert_eq!(gap.event.as_deref(), Some("gap"), "{target} {lines}");
            assert_eq!((gap.id.as_deref(), gap.data.as_deref()), (Some(&*id), Some(r#"{"recovered":false}"#)));
        }
    }
    let mut client = EventStream::open(server.address, "/", "Last-Event-ID:\r\n").await;
    assert_eq!(client.block().await.expect("a block").event, None, "an empty one is none");
    for query in ["?after=", "?after=a/b", "?last_event_id=a%20b", "?named=2", "?after=x&after=x"] {
        let client = EventStream::open(server.address, &format!("/{query}"), "").await;
        assert_eq!(client.status(), 400, "{query}");
    }
    let (_, welcome) = server.by_url("?after=x").await;
    assert_eq!(welcome["recovered"], false);
}

#[tokio::test]
async fn what_a_client_sends_behind_its_request_is_read_and_forgotten() {
    let server = TestServer::with(Settings { max_bytes_per_sec: Some(0), ..Settings::default() });
    let (mut client, _) = stream(&server, "/?channel=a").await;
    // More than the kernel keeps, so it is read, and frames and requests among it mean nothing.
    let junk = [&b"\x81\x80\0\0\0\0GET / HTTP/1.1\r\n\r\n"[..], &[0x88; 4 * 1024 * 1024]].concat();
    for number in 0..4 {
        client.send(&junk).await.unwrap();
        server.publish(&["a"], number);
        assert_eq!(client.payload().await, json!(number));
    }
    // With a bound of its own it is held back, and gets its events.
    let server = TestServer::with(Settings { max_bytes_per_sec: Some(10_000), ..Settings::default() });
    let (mut client, _) = stream(&server, "/?channel=a").await;
    client.send(&junk[..100_000]).await.unwrap();
    server.publish(&["a"], 1);
    assert_eq!(client.payload().await, json!(1));
}

#[tokio::test]
async fn the_application_learns_nothing_of_clients_that_it_cannot_answer() {
    struct Unaware;
    impl Application for Unaware {
        fn opened(&mut self, client: server::Client) {
            assert_eq!(client.path, "/chat", "a client that it can answer");
        }

        fn received(&mut self, _session: SessionId, message: ClientMessage) -> Reception {
            Reception::Declined(message)
        }

        fn closed(&mut self, _session: SessionId) {}
    }
    let server = TestServer::with_application(Settings::default(), |_| Unaware);
    let (mut client, _) = stream(&server, "/chat?channel=a").await;
    let mut socket = Client::connect(server.address, "/chat").await;
    server.publish(&["a"], 1);
    server.publish(&[], 2);
    assert_eq!(client.payload().await, json!(1));
    assert_eq!(client.payload().await, json!(2));
    assert_eq!(socket.payload().await, "2");
    drop(client);
    server.stopped().await;
}
