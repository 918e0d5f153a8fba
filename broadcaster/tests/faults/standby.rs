//! Two broadcasters on one directory: one serves, the other waits.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use queue::{NewEvent, Priority, Uid, Writer};
use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, free_address, payload_of, until};
use tungstenite::{Error, Message};

use crate::support::{Client, command_on, read_head, standby};

fn on(queue: &Path, address: SocketAddr) -> Command {
    let mut command = command_on(queue, address);
    command.args(["--scan-interval-secs", "0.02"]);
    command
}

#[test]
fn the_second_takes_over_when_the_first_is_killed() {
    let (queue, address) = (QueueDir::new(), free_address());
    let mut serving = Broadcaster::spawn(on(&queue.path(), address)).listening();
    for round in 0..3 {
        let mut next = standby(on(&queue.path(), address));
        let mut client = Client::connect(address);
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
        assert!(!next.has_exited() && next.log_lines("listening").is_empty());
        serving.kill();
        serving = next.listening();
    }
    assert!(serving.log_lines("another broadcaster owns").len() == 1);
    serving.stop();
}

#[test]
fn the_one_that_waits_uses_no_processor_time_to_speak_of() {
    let (queue, address) = (QueueDir::new(), free_address());
    let _serving = Broadcaster::spawn(on(&queue.path(), address)).listening();
    standby(on(&queue.path(), address)).assert_idle();
}

#[test]
fn a_hand_over_refuses_no_connection_and_loses_no_event() {
    let (queue, address) = (QueueDir::new(), free_address());
    let mut serving = Broadcaster::spawn(on(&queue.path(), address)).listening();
    // A backlog makes the first listing of the successor slow.
    let stop = AtomicBool::new(false);
    let mut next = 0;
    std::thread::scope(|scope| {
        let connecting = scope.spawn(|| {
            let (mut connected, mut dropped) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                match Client::try_connect(address) {
                    Ok(_) => connected += 1,
                    Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => panic!("refused"),
                    // It came in the moment in which the socket was closed; browsers try again.
                    Err(_) => dropped += 1,
                }
            }
            (connected, dropped)
        });
        for _ in 0..4 {
            let successor = standby(on(&queue.path(), address));
            // One client before, one after: between them they get everything.
            let mut before = Client::connect(address);
            for _ in 0..50 {
                queue.enqueue(next);
                assert_eq!(before.payload(), next.to_string());
                next += 1;
            }
            serving.signal(Signal::TERM);
            let mut expected = next;
            while let Ok(Message::Text(text)) = before.next() {
                assert_eq!(payload_of(&text), expected.to_string());
                expected += 1;
            }
            drop(before);
            assert!(serving.await_exit().success());
            // Its last lines may still be in the pipe.
            until("it says so", || serving.log_lines("another broadcaster has taken over").len() == 1);
            serving = successor.listening();
        }
        stop.store(true, Ordering::Relaxed);
        let (connected, dropped) = connecting.join().unwrap();
        eprintln!("{connected} connections, {dropped} of them cut off by a hand-over");
        assert!(connected > dropped);
    });
    serving.stop();
}

#[test]
fn events_of_a_hand_over_are_delivered_by_the_one_or_the_other_and_in_order() {
    let (queue, address) = (QueueDir::new(), free_address());
    let mut first = Broadcaster::spawn(on(&queue.path(), address)).listening();
    let mut second = standby(on(&queue.path(), address));
    let mut client = Client::connect(address);
    let filler = "x".repeat(5000);
    // Less than the log holds: however slowly this test is scheduled, its client is not a slow one.
    let total = 2000;
    let number_of = |text: &str| payload_of(text)[1..].split(',').next().unwrap().parse::<usize>().unwrap();
    // Nobody is connected to the second when it starts, so that what it delivers shows in what is gone: the client of
    // the first has a beginning, the directory must have been emptied of the rest, and never of anything before its
    // turn.
    (0..total).for_each(|number| drop(queue.enqueue(format!("[{number},\"{filler}\"]"))));
    let mut received = 0;
    while received < 100 {
        let Ok(Message::Text(text)) = client.next() else { panic!("a message") };
        assert_eq!(number_of(&text), received);
        received += 1;
    }
    second.signal(Signal::STOP);
    first.signal(Signal::TERM);
    while let Ok(Message::Text(text)) = client.next() {
        assert_eq!(number_of(&text), received);
        received += 1;
    }
    drop(client);
    assert!(first.await_exit().success());
    assert_eq!(received + queue.waiting(), total, "each is with the client or in the directory");
    second.signal(Signal::CONT);
    second = second.listening();
    until("the second has emptied the directory", || queue.waiting() == 0);
    second.stop();
}

#[test]
fn one_that_waits_outlives_the_deletion_of_the_directory() {
    let (queue, address) = (QueueDir::new(), free_address());
    let mut serving = Broadcaster::spawn(on(&queue.path(), address)).listening();
    let mut waiting = standby(on(&queue.path(), address));
    fs::remove_dir_all(queue.path()).unwrap();
    serving.await_log("queue directory is gone");
    assert!(!waiting.has_exited());
    let mut client = Client::connect(address);
    queue.enqueue(1);
    // Whichever of the two has the new directory, its clients get the event, and clients of the other are closed with
    // 1001.
    match client.next() {
        Ok(Message::Text(text)) => assert_eq!(payload_of(&text), "1"),
        Ok(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
    until("it is drained", || queue.waiting() == 0);
    drop((client, serving));
    waiting.kill();
}

/// Publishes so many events for a hundred channels each that it takes a start some time to read them again.
fn fill_history(queue: &QueueDir) {
    let channels: Vec<_> = (0..100).map(|number| format!("u{number:03}").parse().unwrap()).collect();
    for _ in 0..200 {
        let events = std::iter::repeat_with(|| NewEvent {
            uid: Uid::new(),
            name_json: br#""e""#,
            payload_json: b"1",
            channels: Some(&channels),
            ttl: None,
            key: None,
            except: None,
        });
        let events: Vec<_> = events.take(45).collect();
        Writer::new(queue.path()).enqueue_events(&events, Priority::Normal).unwrap();
    }
    until("they are published", || queue.waiting() == 0);
}

#[test]
fn a_hand_over_refuses_no_connection_however_long_the_standby_reads_the_history() {
    let (queue, address) = (QueueDir::in_memory(), free_address());
    let mut first = Broadcaster::spawn(on(&queue.path(), address)).listening();
    fill_history(&queue);
    let second = standby(on(&queue.path(), address));
    first.signal(Signal::TERM);
    // On a busy machine it is slow: it runs only while this connects.
    until("the first has ended", || {
        second.signal(Signal::CONT);
        let connected = TcpStream::connect(address);
        second.signal(Signal::STOP);
        assert!(connected.is_ok(), "{connected:?}");
        first.has_exited()
    });
    // The first listens no more, so these wait until the second has read.
    let mut waiting: Vec<_> = (0..10).map(|_| TcpStream::connect(address).unwrap()).collect();
    second.signal(Signal::CONT);
    for stream in &mut waiting {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(read_head(stream).starts_with("HTTP/1.1 200"));
    }
    assert!(first.await_exit().success());
    second.listening().stop();
}
