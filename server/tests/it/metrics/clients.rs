//! Clients, what they are sent and what they send.

use serde_json::json;
use server::config::Settings;
use server::hosts::HostRule;
use server::origin::Rule;
use server::{Application, ClientMessage, Disconnect, Hub, Reception, SessionId};
use testkit::{EventStream, HANDSHAKE, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::{becomes, exceeds, metric};
use crate::handshake::exchange;
use crate::util::TestServer;

/// The name of a metric of clients that speak something.
fn of(name: &str, protocol: &str) -> String {
    format!("{name}{{protocol=\"{protocol}\"}}")
}

#[tokio::test]
async fn clients_and_their_messages_are_counted_by_what_they_speak() {
    let server = TestServer::with(Settings { hub_threads: Some(2), ..Settings::default() });
    let mut plain = [server.connect().await, server.connect().await];
    let (mut url, _) = server.by_url("?channel=a&channel=b").await;
    let (mut native, _) = server.native("?channel=a").await;
    let mut stream = EventStream::open(server.address, "/?channel=a", "").await;
    stream.event().await;
    for (protocol, count) in [("plain", 2.0), ("url", 1.0), ("native", 1.0), ("sse", 1.0)] {
        becomes(&server, &of("connections", protocol), count).await;
        assert_eq!(metric(&server, &of("connections_accepted_total", protocol)), Some(count));
    }
    becomes(&server, "subscriptions", 4.0).await;
    assert_eq!(metric(&server, "channels"), Some(2.0));
    let sent = |protocol: &str| metric(&server, &of("messages_sent_total", protocol)).unwrap();
    let bytes = |protocol: &str| metric(&server, &of("message_bytes_sent_total", protocol)).unwrap();
    // Their first messages.
    eventually("all are welcomed", || ["url", "native", "sse"].iter().all(|it| sent(it) == 1.0)).await;
    let before = ["url", "native", "sse"].map(bytes);
    assert_eq!((sent("plain"), bytes("plain")), (0.0, 0.0));
    assert!(before.iter().all(|bytes| *bytes > 10.0));
    server.publish(&[], 1);
    server.publish(&["a", "b"], 2);
    server.publish(&["b"], 3);
    let text = plain[0].text().await;
    plain[1].text().await;
    let mut of_url = 0;
    for _ in 0..3 {
        of_url += url.text().await.len();
    }
    native.text().await;
    native.text().await;
    stream.event().await;
    stream.event().await;
    eventually("plain clients got one each", || sent("plain") == 2.0).await;
    // Frames of two bytes and the text.
    assert_eq!(bytes("plain"), 2.0 * (text.len() + 2) as f64);
    becomes(&server, &of("messages_sent_total", "url"), 4.0).await;
    assert_eq!(bytes("url") - before[0], (of_url + 3 * 2) as f64);
    becomes(&server, &of("messages_sent_total", "native"), 3.0).await;
    becomes(&server, &of("messages_sent_total", "sse"), 3.0).await;
    native.ask(json!({ "type": "subscribe", "channel": "c" })).await;
    becomes(&server, &of("messages_sent_total", "native"), 4.0).await;
    becomes(&server, &of("messages_received_total", "native"), 1.0).await;
    becomes(&server, "channels", 3.0).await;
    // Nobody listens to them, and they are counted all the same.
    plain[0].send_together(&["a", "b"]).await;
    becomes(&server, &of("messages_received_total", "plain"), 2.0).await;
    url.send_text("a").await;
    becomes(&server, &of("messages_received_total", "url"), 1.0).await;
    drop((plain, url, native, stream));
    for (protocol, count) in [("plain", 2.0), ("url", 1.0), ("native", 1.0), ("sse", 1.0)] {
        becomes(&server, &of("connections", protocol), 0.0).await;
        let ended = format!("disconnects_total{{protocol=\"{protocol}\",code=\"other\"}}");
        assert_eq!(metric(&server, &ended), Some(count));
        assert_eq!(metric(&server, &of("connections_accepted_total", protocol)), Some(count));
    }
    becomes(&server, "subscriptions", 0.0).await;
    becomes(&server, "channels", 0.0).await;
}

#[tokio::test]
async fn many_messages_at_once_are_counted_one_by_one() {
    let server = TestServer::start();
    let (mut both, welcome) = server.native("?channel=a&channel=b&everybody=0").await;
    let (mut one, _) = server.native("?channel=a&everybody=0").await;
    let id = welcome["client"].as_str().unwrap();
    for number in 0..50 {
        server.publish(&["a"], number);
        server.publish(&["b", "a"], number);
        server.publish_except(Some(id), &["a"], number);
    }
    server.publish(&["a"], "\"end\"");
    for client in [&mut both, &mut one] {
        while client.json().await["payload"] != "end" {}
    }
    // With two welcomes.
    becomes(&server, &of("messages_sent_total", "native"), 2.0 + 101.0 + 151.0).await;
}

#[tokio::test]
async fn ends_are_counted_by_our_code() {
    let server = TestServer::with(Settings { max_message_bytes: Some(1_000), ..Settings::default() });
    let mut client = server.connect().await;
    client.send(Message::binary(vec![0; 2_000])).await;
    assert_eq!(client.close_code().await, 1009);
    becomes(&server, "disconnects_total{protocol=\"plain\",code=\"1009\"}", 1.0).await;
    let (mut client, _) = server.native("").await;
    for number in 0..2_000 {
        let command = json!({ "type": "unsubscribe", "channel": format!("c{number}") }).to_string();
        if client.try_send_text(&command).await.is_err() {
            break;
        }
    }
    becomes(&server, "disconnects_total{protocol=\"native\",code=\"4429\"}", 1.0).await;
    assert_eq!(metric(&server, "disconnects_total{protocol=\"native\",code=\"other\"}"), Some(0.0));
    // A client that leaves with a close frame.
    let mut client = server.connect().await;
    client.send(Message::Close(None)).await;
    becomes(&server, "disconnects_total{protocol=\"plain\",code=\"other\"}", 1.0).await;
    becomes(&server, &of("connections", "plain"), 0.0).await;
}

#[tokio::test]
async fn clients_that_do_not_read_are_counted_as_slow_once() {
    let timeout = Settings { slow_client_timeout_secs: Some(0.5), ..Settings::default() };
    let server = TestServer::with(Settings { max_outbox_bytes: Some(100_000_000), ..timeout });
    let (slow, _) = server.native("?channel=a").await;
    let payload = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..20 {
        server.publish(&["a"], &payload);
    }
    exceeds(&server, "outbox_bytes", 1e6).await;
    becomes(&server, "slow_disconnects_total", 1.0).await;
    assert_eq!(metric(&server, "disconnects_total{protocol=\"native\",code=\"4008\"}"), Some(1.0));
    becomes(&server, &of("connections", "native"), 0.0).await;
    assert_eq!(metric(&server, "disconnects_total{protocol=\"native\",code=\"other\"}"), Some(0.0));
    assert_eq!(metric(&server, "slow_disconnects_total"), Some(1.0));
    becomes(&server, "outbox_bytes", 0.0).await;
    drop(slow);
}

#[tokio::test]
async fn turns_of_the_hub_are_measured() {
    let server = TestServer::start();
    let mut client = server.connect().await;
    let before = metric(&server, "hub_turn_seconds_count").unwrap();
    server.publish(&[], 1);
    client.text().await;
    exceeds(&server, "hub_turn_seconds_count", before).await;
    assert!(metric(&server, "hub_turn_seconds_sum").unwrap() > 0.0);
    assert_eq!(metric(&server, "hub_turn_seconds_bucket{le=\"+Inf\"}"), metric(&server, "hub_turn_seconds_count"));
}

#[tokio::test]
async fn connections_that_do_not_become_clients_are_counted_by_the_reason() {
    let refused = |reason: &str| format!("connections_refused_total{{reason=\"{reason}\"}}");
    let full = TestServer::with(Settings { max_connections: Some(1), ..Settings::default() });
    let _client = full.connect().await;
    exchange(full.address, HANDSHAKE).await;
    becomes(&full, &refused("full"), 1.0).await;
    let stream = EventStream::open(full.address, "/", "").await;
    stream.rest().await;
    becomes(&full, &refused("full"), 2.0).await;

    let crowded = TestServer::with(Settings { max_connections_per_address: Some(1), ..Settings::default() });
    let _client = crowded.connect().await;
    exchange(crowded.address, HANDSHAKE).await;
    becomes(&crowded, &refused("address"), 1.0).await;

    let short = Settings { handshake_timeout_secs: Some(0.2), ..Settings::default() };
    let only = vec!["https://example.com".parse::<Rule>().unwrap()];
    let server = TestServer::with(Settings { allowed_origins: Some(only), ..short });
    let with = |line: &str| HANDSHAKE.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    exchange(server.address, with("Origin: https://example.org")).await;
    becomes(&server, &refused("origin"), 1.0).await;
    EventStream::open(server.address, "/", "Origin: https://example.org\r\n").await.rest().await;
    becomes(&server, &refused("origin"), 2.0).await;
    let here = vec!["127.0.0.1".parse::<HostRule>().unwrap()];
    let named = TestServer::with(Settings { allowed_hosts: Some(here), ..Settings::default() });
    assert!(exchange(named.address, HANDSHAKE).await.starts_with("HTTP/1.1 421 "));
    becomes(&named, &refused("host"), 1.0).await;
    assert_eq!(EventStream::open(named.address, "/", "").await.status(), 421);
    becomes(&named, &refused("host"), 2.0).await;
    assert_eq!(metric(&named, &refused("bad_request")), Some(0.0));
    exchange(server.address, HANDSHAKE.replace("Version: 13", "Version: 8")).await;
    becomes(&server, &refused("bad_request"), 1.0).await;
    exchange(server.address, HANDSHAKE.replace("GET / ", "GET /?channel=* ")).await;
    becomes(&server, &refused("bad_request"), 2.0).await;
    exchange(server.address, "nonsense\r\n\r\n").await;
    becomes(&server, &refused("bad_request"), 3.0).await;
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    becomes(&server, &refused("timeout"), 1.0).await;
    exchange(server.address, HANDSHAKE.replace("GET / ", "GET /?channel=private-a ")).await;
    becomes(&server, &refused("rights"), 1.0).await;
    // Who only looks is no client.
    exchange(server.address, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let all = ["full", "address", "origin", "host", "bad_request", "timeout", "rights", "ahead", "stopping"];
    let sum: f64 = all.iter().map(|reason| metric(&server, &refused(reason)).unwrap()).sum();
    assert_eq!(sum, 2.0 + 3.0 + 1.0 + 1.0);
}

/// Closes every client when it says something.
struct Closing(Hub);

impl Application for Closing {
    fn opened(&mut self, _client: server::Client) {}

    fn received(&mut self, session: SessionId, _message: ClientMessage) -> Reception {
        self.0.close(session, Disconnect::Closed);
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {}
}

#[tokio::test]
async fn who_is_closed_by_the_application_or_at_the_end_is_counted_with_that_code() {
    let mut server = TestServer::with_application(Settings::default(), |hub| Closing(hub.clone()));
    let (mut client, mut other) = (server.connect().await, server.connect().await);
    client.send_text("a").await;
    assert_eq!(client.close_code().await, 1000);
    becomes(&server, "disconnects_total{protocol=\"plain\",code=\"1000\"}", 1.0).await;
    server.request_stop();
    assert_eq!(other.close_code().await, 1001);
    becomes(&server, "disconnects_total{protocol=\"plain\",code=\"1001\"}", 1.0).await;
}
