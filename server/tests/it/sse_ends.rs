//! How a stream of server-sent events ends: after whole events, without a frame of WebSocket, and so that its client
//! comes back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use server::config::Settings;
use server::token::Secret;
use testkit::{EventStream, eventually, within};
use tokio::net::TcpSocket;

use crate::rights::signing::{SECRET, hs256};
use crate::shutdown::copies_of_sockets;
use crate::sse::stream;
use crate::util::TestServer;

/// More than the kernel takes for a client that does not read.
const MORE_THAN_SOCKETS_TAKE: usize = 12_000_000;

/// A payload with a number and so many bytes more.
fn large(number: usize, bytes: usize) -> String {
    format!("[{number},\"{}\"]", "x".repeat(bytes))
}

/// Reads whole events in their order to the end. Returns how many there were, and what the last comment says.
async fn read_to_the_end(client: &mut EventStream) -> (usize, Option<String>) {
    let (mut next, mut comment) = (0, None);
    while let Some(block) = client.block().await {
        assert!(comment.is_none(), "{block:?} after the end");
        if block.data.is_some() {
            assert_eq!(block.json()["payload"][0], json!(next));
            next += 1;
        }
        comment = block.comment;
    }
    (next, comment)
}

#[tokio::test]
async fn one_that_reads_nothing_ends_after_a_whole_event_and_the_others_notice_nothing() {
    let time =
        Settings { slow_client_timeout_secs: Some(0.5), max_outbox_bytes: Some(100_000_000), ..Settings::default() };
    let size = Settings { max_outbox_bytes: Some(200_000), ..Settings::default() };
    // The server looks at the time once a second. Its thread has a turn for each event, so the time counts.
    for (settings, least) in [(time, Duration::from_secs(3)), (size, Duration::ZERO)] {
        let server = TestServer::with(settings);
        let (mut slow, _) = stream(&server, "/?channel=a").await;
        let (mut reader, _) = stream(&server, "/?channel=a").await;
        let (mut named, _) = stream(&server, "/?channel=a&named=1").await;
        let (mut socket, _) = server.native("?channel=a").await;
        let (begin, mut count) = (Instant::now(), 0);
        while count * 100_000 < MORE_THAN_SOCKETS_TAKE || begin.elapsed() < least {
            let number = count;
            count += 1;
            server.publish(&["a"], large(number, 100_000));
            assert_eq!(reader.payload().await[0], json!(number));
            assert_eq!(named.payload().await[0], json!(number));
            assert!(socket.payload().await.starts_with(&format!("[{number},")));
        }
        // Its part of the channel ends with it: the others have the rest to themselves.
        let (received, comment) = within("its end", read_to_the_end(&mut slow)).await;
        assert!(received < count, "{received}");
        assert_eq!(comment.as_deref(), Some("4008 too slow: messages would have been missed"));
        server.publish(&["a"], large(count, 1));
        assert_eq!(reader.payload().await[0], json!(count));
        assert_eq!(named.payload().await[0], json!(count));
        assert!(socket.payload().await.starts_with(&format!("[{count},")));
    }
}

#[tokio::test]
async fn a_server_that_stops_lets_streams_have_what_was_published_and_ends_them() {
    let mut server = TestServer::start();
    let (mut client, _) = stream(&server, "/?channel=a").await;
    let (mut named, _) = stream(&server, "/?channel=a&named=1").await;
    for number in 0..50 {
        server.publish(&["a"], large(number, 10_000));
    }
    server.request_stop();
    for client in [&mut client, &mut named] {
        let (received, comment) = read_to_the_end(client).await;
        assert_eq!((received, comment.as_deref()), (50, Some("1001 server is shutting down")));
    }
    within("the server stops although the clients have sent nothing", server.stopped()).await;
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_of_an_event_sends_the_rest_of_it() {
    let mut server = TestServer::start();
    // Its socket takes a few KiB, so that the event stops in the middle.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let connection = socket.connect(server.address).await.unwrap();
    let request = "GET /?channel=a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
    let mut client = EventStream::request_on(connection, request).await;
    client.event().await;
    server.publish(&["a"], large(0, 900_000));
    server.publish(&["a"], large(1, 10));
    server.request_stop();
    // It reads once the server has begun to stop: it takes no clients then.
    eventually("the server takes no clients", || std::net::TcpStream::connect(server.address).is_err()).await;
    let (received, comment) = read_to_the_end(&mut client).await;
    assert_eq!((received, comment.as_deref()), (2, Some("1001 server is shutting down")));
    server.stopped().await;
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_up() {
    let server = TestServer::with(Settings { max_connections: Some(2), ..Settings::default() });
    let (mut stays, _) = stream(&server, "/?channel=a").await;
    for number in 0..20 {
        let (leaves, _) = loop {
            let mut client = EventStream::open(server.address, "/?channel=a", "").await;
            let first = client.event().await;
            if first.id.is_some() {
                break (client, first);
            }
        };
        drop(leaves);
        server.publish(&["a"], number);
        assert_eq!(stays.payload().await, json!(number));
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let settings = Settings {
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(Vec::new()),
        ..Settings::default()
    };
    let server = TestServer::with(settings);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // Clocks may differ by 30 seconds, so it counts for 4 more.
    let ends_soon = hs256(SECRET, &json!({ "exp": now + 4 - 30, "allow": ["a"] }).to_string());
    let lasts = hs256(SECRET, &json!({ "exp": now + 600, "allow": ["a"] }).to_string());
    let (mut ending, _) = stream(&server, &format!("/?channel=a&token={ends_soon}")).await;
    let (mut staying, _) = stream(&server, &format!("/?channel=a&token={lasts}")).await;
    server.publish(&["a"], json!([0]));
    let (received, comment) = read_to_the_end(&mut ending).await;
    assert_eq!((received, comment.as_deref()), (1, Some("4401 token expired")));
    // Its browser comes back with the same token, and is refused permanently.
    let refused = EventStream::open(server.address, &format!("/?channel=a&token={ends_soon}"), "").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(staying.payload().await, json!([0]));
}

#[tokio::test]
async fn the_kernel_ends_a_client_that_confirms_nothing() {
    let timeouts = Settings {
        pong_timeout_secs: Some(7.0),
        slow_client_timeout_secs: Some(3.0),
        hub_threads: Some(1),
        ..Settings::default()
    };
    let server = TestServer::with(timeouts);
    let limits = || {
        let sockets = copies_of_sockets(server.address);
        let limits = sockets.iter().filter_map(|socket| socket.tcp_user_timeout().unwrap());
        limits.filter(|limit| !limit.is_zero()).collect::<Vec<Duration>>()
    };
    // Clients of WebSocket answer pings.
    let _socket = server.native("").await;
    assert!(limits().is_empty());
    let _stream = stream(&server, "/").await;
    assert_eq!(limits(), [Duration::from_secs(7)]);
}
