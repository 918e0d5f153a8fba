//! What clients may cost, and what the process does, by settings that were read again. They hold for clients that are
//! there already.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use queue::{NewEvent, Priority, Uid, Writer};
use rustix::process::Signal;
use testkit::HANDSHAKE;
use tungstenite::Message;

use super::{Stage, take_effect};
use crate::support::{Client, connect_with_small_buffer, read_head, read_to_end, shake_hands};

/// A client that reads nothing more, with little room for what it is sent.
fn silent(stage: &Stage, target: &str) -> TcpStream {
    let mut stream = connect_with_small_buffer(stage.address()).unwrap();
    stream.write_all(HANDSHAKE.replacen("GET / ", &format!("GET {target} "), 1).as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
    stream
}

/// Queues more than the system's buffers for one connection take: events of 200 KB.
fn flood(stage: &Stage, channel: &str) {
    let payload = format!("\"{}\"", "x".repeat(200_000));
    let channels = [channel.parse().unwrap()];
    for _ in 0..50 {
        let event = NewEvent {
            uid: Uid::new(),
            name_json: br#""flood""#,
            payload_json: payload.as_bytes(),
            channels: Some(&channels),
            ttl: None,
            key: None,
            except: None,
        };
        Writer::new(stage.queue.path()).enqueue_events(&[event], Priority::Normal).unwrap();
    }
}

/// Settings under which clients that do not read stay.
const PATIENT: [(&str, &str); 5] = [
    ("hub_threads", "1"),
    ("slow_client_timeout_secs", "3600"),
    ("max_outbox_bytes", "12_000_000"),
    ("history_events", "1"),
    ("log_level", "'debug'"),
];

take_effect! {
    slow_client_timeout_secs(stage) {
        stage.start(&PATIENT);
        let _silent = silent(&stage, "/?channel=a");
        flood(&stage, "a");
        testkit::until("all is read", || stage.queue.waiting() < 50);
        assert!(stage.broadcaster().log_lines("client is too slow").is_empty());
        stage.reload(&[("slow_client_timeout_secs", "0.1")]);
        stage.broadcaster().await_log("client is too slow");
    }

    max_outbox_bytes(stage) {
        stage.start(&PATIENT);
        let _silent = silent(&stage, "/?channel=a");
        flood(&stage, "a");
        testkit::until("all is read", || stage.queue.waiting() < 50);
        stage.reload(&[("max_outbox_bytes", "1000")]);
        stage.broadcaster().await_log("client is too slow");
    }

    max_memory(stage) {
        stage.start(&PATIENT);
        let _silent: Vec<TcpStream> = ["a", "b", "c"]
            .into_iter()
            .map(|channel| {
                let client = silent(&stage, &format!("/?channel={channel}"));
                flood(&stage, channel);
                client
            })
            .collect();
        assert!(stage.broadcaster().log_lines("more memory than").is_empty());
        stage.reload(&[("max_memory", "12_000_000")]);
        stage.broadcaster().await_log("clients hold more memory than");
    }

    max_message_bytes(stage) {
        stage.start(&[]);
        let mut client = Client::connect(stage.address());
        let long = "x".repeat(2000);
        client.send(Message::text(&long));
        stage.queue.enqueue(1);
        assert_eq!(client.payload(), "1", "it is still there");
        stage.reload(&[("max_message_bytes", "1000")]);
        client.send(Message::text(&long));
        assert_eq!(client.close_code(), 1009);
    }

    max_messages_per_sec(stage) {
        stage.start(&[("max_messages_per_sec", "0")]);
        let mut client = Client::connect(stage.address());
        stage.reload(&[("max_messages_per_sec", "1")]);
        (0..10).for_each(|_| client.send(Message::text("x")));
        stage.broadcaster().await_log("client sends more than max_messages_per_sec");
    }

    max_bytes_per_sec(stage) {
        stage.start(&[("max_bytes_per_sec", "0")]);
        let mut client = Client::connect(stage.address());
        stage.reload(&[("max_bytes_per_sec", "100")]);
        (0..10).for_each(|_| client.send(Message::text("x".repeat(100))));
        stage.broadcaster().await_log("client sends more than max_messages_per_sec");
    }

    ping_interval_secs(stage) {
        stage.start(&[("ping_interval_secs", "3600")]);
        let mut client = shake_hands(stage.address());
        stage.reload(&[("ping_interval_secs", "0.1")]);
        let mut frame = [0];
        client.read_exact(&mut frame).unwrap();
        assert_eq!(frame, [0x89], "a ping");
    }

    pong_timeout_secs(stage) {
        stage.start(&[("ping_interval_secs", "0.1"), ("pong_timeout_secs", "3600")]);
        let mut client = shake_hands(stage.address());
        stage.reload(&[("pong_timeout_secs", "0.1")]);
        read_to_end(&mut client);
    }

    shutdown_grace_secs(stage) {
        stage.start(&[("shutdown_grace_secs", "3600")]);
        let _silent = shake_hands(stage.address());
        stage.reload(&[("shutdown_grace_secs", "0.1")]);
        stage.broadcaster().signal(Signal::TERM);
        assert!(stage.broadcaster().await_exit().success());
    }

    log_level(stage) {
        stage.start(&[]);
        drop(shake_hands(stage.address()));
        stage.reload(&[("log_level", "'debug'")]);
        assert!(stage.broadcaster().log_lines("client connected").is_empty());
        drop(shake_hands(stage.address()));
        stage.broadcaster().await_log("client connected");
        stage.reload(&[("log_level", "'info'")]);
    }
}

#[test]
fn a_longer_heartbeat_is_for_those_who_come_later() {
    let mut stage = Stage::new();
    stage.start(&[("ping_interval_secs", "0.1")]);
    let mut before = Client::at(stage.address(), "/?channel=a");
    stage.reload(&[("ping_interval_secs", "3600")]);
    // It was told that something comes that often.
    for _ in 0..10 {
        assert!(before.next().is_ok());
    }
}
