//! Subscribers that do not read, beside others that do.

use std::time::{Duration, Instant};

use queue::{NewEvent, Priority, Uid, Writer};
use serde_json::json;
use server::config::Settings;
use server::{Application, ClientMessage, Reception, SessionId};
use testkit::{Client, within};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::commands::expect;
use crate::util::{TestServer, names};

/// More than the kernel takes for a client that does not read.
const MORE_THAN_SOCKETS_TAKE: usize = 12_000_000;

/// Tells when the end of a session has begun.
struct Watching(mpsc::UnboundedSender<()>);

impl Application for Watching {
    fn opened(&mut self, _client: server::Client) {}

    fn received(&mut self, _session: SessionId, message: ClientMessage) -> Reception {
        Reception::Declined(message)
    }

    fn closed(&mut self, _session: SessionId) {
        // The test may be over.
        let _ = self.0.send(());
    }
}

fn watched(settings: Settings) -> (TestServer, mpsc::UnboundedReceiver<()>) {
    let (sender, ended) = mpsc::unbounded_channel();
    (TestServer::with_application(settings, |_| Watching(sender)), ended)
}

/// A payload with a number and so many bytes more.
fn large(number: usize, bytes: usize) -> String {
    format!("[{number},\"{}\"]", "x".repeat(bytes))
}

/// Reads whole events in their order until the end. Returns how many there were, and the close code, if there was one.
async fn read_to_the_end(client: &mut Client) -> (usize, Option<u16>) {
    let (mut next, mut code) = (0, None);
    loop {
        match client.next().await {
            Some(Ok(Message::Text(text))) => {
                assert!(text.contains(&format!(r#""payload":[{next},"#)), "{next}: {}", &text[..80]);
                next += 1;
            }
            Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            None | Some(Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_))) => return (next, code),
            Some(Err(error)) => panic!("{error} after {next} events"),
        }
    }
}

#[tokio::test]
async fn one_that_reads_nothing_is_closed_and_the_others_of_its_channel_notice_nothing() {
    let timeout = Settings { slow_client_timeout_secs: Some(0.5), ..Settings::default() };
    let (server, mut ended) = watched(Settings { max_outbox_bytes: Some(100_000_000), ..timeout });
    let (mut slow, _) = server.native("?channel=a").await;
    let (mut reader, _) = server.by_url("?channel=a").await;
    let (mut of_both, _) = server.native("?channel=b&channel=a").await;
    let count = MORE_THAN_SOCKETS_TAKE / 100_000;
    for number in 0..count {
        server.publish(&["a"], large(number, 100_000));
        for client in [&mut reader, &mut of_both] {
            assert!(client.payload().await.starts_with(&format!("[{number},")));
        }
    }
    // Its outbox may hold all of it, so that the time alone ends it. What it reads then is whole.
    within("its end", ended.recv()).await.unwrap();
    let (received, code) = read_to_the_end(&mut slow).await;
    assert!(received < count, "{received}");
    assert_eq!(code, Some(4008));
    server.publish(&["a"], 1);
    for client in [&mut reader, &mut of_both] {
        expect(client, 1).await;
    }
}

#[tokio::test]
async fn no_more_waits_for_one_that_reads_nothing_than_its_outbox_may_hold() {
    let (server, mut ended) = watched(Settings { max_outbox_bytes: Some(200_000), ..Settings::default() });
    let (mut slow, _) = server.native("?channel=a").await;
    let (mut reader, _) = server.by_url("?channel=a").await;
    let mut number = 0;
    // Without a word of how long it may wait, which is longer than this takes.
    while ended.try_recv().is_err() {
        server.publish(&["a"], large(number, 50_000));
        assert!(reader.payload().await.starts_with(&format!("[{number},")));
        number += 1;
        assert!(number < MORE_THAN_SOCKETS_TAKE / 50_000, "more waits than may");
    }
    let (received, code) = read_to_the_end(&mut slow).await;
    assert!(received < number);
    assert_eq!(code, Some(4008));
}

#[tokio::test]
async fn one_that_reads_late_gets_all_that_waited_in_order() {
    let server = TestServer::with(Settings { max_outbox_bytes: Some(100_000_000), ..Settings::default() });
    let (mut late, _) = server.native("?channel=a&channel=b&everybody=0").await;
    let count = MORE_THAN_SOCKETS_TAKE / 20_000;
    late.send_text(&json!({ "type": "subscribe", "channel": "c", "ref": 1 }).to_string()).await;
    assert_eq!(late.json().await["type"], "subscribed");
    for number in 0..count {
        server.publish(&[["a", "b", "c"][number % 3], "d"], large(number, 20_000));
    }
    late.send_text(r#"{"type":"ping"}"#).await;
    for number in 0..count {
        let message = late.json().await;
        assert_eq!(message["payload"][0], number, "{}", message["type"]);
    }
    let pong = late.json().await;
    assert_eq!((&pong["type"], crate::channels::seq_of(&pong)), (&json!("pong"), count as u64));
}

#[tokio::test]
async fn a_subscriber_of_a_quiet_channel_that_reads_nothing_holds_up_no_ack_for_longer_than_the_timeout() {
    let timeout = Settings { slow_client_timeout_secs: Some(0.5), ..Settings::default() };
    let (server, mut ended) = watched(Settings { max_outbox_bytes: Some(100_000_000), ..timeout });
    let (mut slow, _) = server.native("?channel=quiet&everybody=0").await;
    let (mut reader, _) = server.by_url("?channel=busy").await;
    let writer = Writer::new(server.queue.path());
    let enqueue = |channel: &str, payload: String| {
        let (channels, payload) = (names(&[channel]), payload.into_bytes());
        let event = NewEvent {
            uid: Uid::new(),
            name_json: br#""test""#,
            payload_json: &payload,
            channels: Some(&channels),
            ttl: None,
            key: None,
            except: None,
        };
        writer.enqueue_events(&[event], Priority::Normal).unwrap();
    };
    for number in 0..MORE_THAN_SOCKETS_TAKE / 500_000 {
        enqueue("quiet", large(number, 500_000));
    }
    for number in 0..100 {
        enqueue("busy", number.to_string());
    }
    // The others have theirs at once, and only the acks wait.
    for number in 0..100 {
        expect(&mut reader, number).await;
    }
    within("its end", ended.recv()).await.unwrap();
    let begin = Instant::now();
    server.queue.is_drained().await;
    // It may take as long to leave, and nothing waits for that.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(read_to_the_end(&mut slow).await.1, Some(4008));
}

#[tokio::test]
async fn what_waits_for_many_subscribers_is_kept_once() {
    const CLIENTS: usize = 12;
    // Far less than all of them are behind together, and more than the events are.
    let bounds = Settings { max_memory: Some(24_000_000), max_outbox_bytes: Some(20_000_000), ..Settings::default() };
    let settings = Settings { slow_client_timeout_secs: Some(60.0), hub_threads: Some(1), ..bounds };
    let server = TestServer::with(settings);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(server.by_url("?channel=a&channel=b").await.0);
    }
    let count = MORE_THAN_SOCKETS_TAKE / 20_000;
    for number in 0..count {
        server.publish(&[["a", "b"][number % 2]], large(number, 20_000));
    }
    assert!(server.hub.is_alive().await);
    for (index, client) in clients.iter_mut().enumerate() {
        for number in 0..count {
            let text = client.text().await;
            assert!(text.contains(&format!(r#""payload":[{number},"#)), "client {index}: {}", &text[..80]);
        }
    }
}

#[tokio::test]
async fn what_waits_for_subscribers_has_a_bound_together() {
    const CLIENTS: usize = 12;
    let bounds = Settings { max_memory: Some(24_000_000), max_outbox_bytes: Some(20_000_000), ..Settings::default() };
    let (mut server, mut ended) = watched(Settings { slow_client_timeout_secs: Some(60.0), ..bounds });
    let (mut reader, _) = server.native("?channel=quiet&everybody=0").await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(server.by_url(&format!("?channel={number}")).await.0);
    }
    // Each has its own, so that nothing is shared.
    for number in 0..MORE_THAN_SOCKETS_TAKE / 20_000 {
        for client in 0..CLIENTS {
            server.publish(&[&client.to_string()], large(number, 20_000));
        }
        server.publish(&["quiet"], number);
        expect(&mut reader, number).await;
    }
    within("the end of one", ended.recv()).await.unwrap();
    // Read at the same time: what waits would be too much again after the next event.
    let reading = clients.into_iter().map(|mut client| tokio::spawn(async move { read_to_the_end(&mut client).await }));
    let reading: Vec<_> = reading.collect();
    server.request_stop();
    let (mut complete, mut overloaded) = (0, 0);
    for read in reading {
        match within("the end", read).await.unwrap() {
            (received, Some(1001)) if received == MORE_THAN_SOCKETS_TAKE / 20_000 => complete += 1,
            (_, Some(1013) | None) => overloaded += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(overloaded > 0 && complete > 0, "{complete} have all, {overloaded} had to go");
}

#[tokio::test]
async fn subscribers_receive_what_was_published_before_the_end_of_the_server() {
    let mut server = TestServer::with(Settings { max_outbox_bytes: Some(100_000_000), ..Settings::default() });
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(server.by_url("?channel=a").await.0);
        clients.push(server.native("?channel=b&channel=a").await.0);
    }
    let count = MORE_THAN_SOCKETS_TAKE / 20_000;
    for number in 0..count {
        server.publish(&["a"], large(number, 20_000));
    }
    server.request_stop();
    let reading = clients.into_iter().map(|mut client| tokio::spawn(async move { read_to_the_end(&mut client).await }));
    for read in reading.collect::<Vec<_>>() {
        assert_eq!(within("the end", read).await.unwrap(), (count, Some(1001)));
    }
    server.stopped().await;
}
