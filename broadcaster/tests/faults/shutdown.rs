//! How the process ends: which close code clients get, how long it may take, and how to cut it short.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{QueueDir, TIMEOUT, until};

use crate::support::{Client, GRACE, broadcaster, broadcaster_command, read_to_end, shake_hands, standby};

#[test]
fn a_stopping_broadcaster_writes_what_it_has_read_and_leaves_the_rest_in_the_directory() {
    const EVENTS: usize = 5000;
    let queue = QueueDir::in_memory();
    let mut broadcaster = broadcaster::with(&queue.path(), &[GRACE, "60"]);
    let mut client = Client::of(&broadcaster);
    let filler = "x".repeat(2000);
    (0..EVENTS).for_each(|number| drop(queue.enqueue(format!("[{number},\"{filler}\"]"))));
    assert!(client.payload().starts_with("[0,"));
    broadcaster.signal(Signal::TERM);
    let mut received = 1;
    while let Ok(tungstenite::Message::Text(text)) = client.next() {
        assert!(text.contains(&format!("\"payload\":[{received},")), "{received}");
        received += 1;
    }
    drop(client);
    assert!(broadcaster.await_exit().success());
    assert_eq!(received + queue.waiting(), EVENTS);
}

#[test]
fn clients_are_closed_one_after_the_other_with_1001() {
    const CLIENTS: usize = 600;
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &[GRACE, "60"]);
    let streams: Vec<TcpStream> = (0..CLIENTS).map(|_| shake_hands(broadcaster.address())).collect();
    let ready = Barrier::new(2);
    let closed_at: Vec<Instant> = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            ready.wait();
            let times = streams.into_iter().map(|mut stream| {
                let mut frame = [0; 4];
                stream.read_exact(&mut frame).unwrap();
                assert_eq!((frame[0], u16::from_be_bytes([frame[2], frame[3]])), (0x88, 1001));
                Instant::now()
            });
            times.collect()
        });
        ready.wait();
        broadcaster.signal(Signal::TERM);
        reading.join().unwrap()
    });
    // A millisecond each; a tenth of that is enough to show that they are not closed all at once, on a busy machine.
    let spread = closed_at.iter().max().unwrap().duration_since(*closed_at.iter().min().unwrap());
    assert!(spread >= Duration::from_millis(CLIENTS as u64 / 10), "{spread:?}");
    assert!(broadcaster.await_exit().success());
}

#[test]
fn clients_that_never_answer_do_not_hold_it_longer_than_the_grace() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &[GRACE, "0.5"]);
    let mut silent: Vec<TcpStream> = (0..20).map(|_| shake_hands(broadcaster.address())).collect();
    broadcaster.stop();
    for stream in &mut silent {
        assert!(read_to_end(stream).ends_with(b"server is shutting down"));
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let queue = QueueDir::new();
        let mut broadcaster = broadcaster::with(&queue.path(), &[GRACE, "3600"]);
        let silent = shake_hands(broadcaster.address());
        broadcaster.signal(Signal::TERM);
        broadcaster.await_log("stopping, a second signal exits at once");
        broadcaster.signal(second);
        assert_eq!(broadcaster.await_exit().code(), Some(1));
        drop(silent);
    }
}

#[test]
fn a_signal_before_the_start_is_complete_or_while_standing_by_ends_well() {
    let queue = QueueDir::new();
    let mut first = broadcaster::start(&queue.path());
    let mut standby = standby(broadcaster_command(&queue.path()));
    standby.signal(Signal::INT);
    assert!(standby.await_exit().success());
    first.stop();
}

#[test]
fn new_connections_are_refused_once_it_stops_and_nobody_takes_over() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &[GRACE, "3600"]);
    let address = broadcaster.address();
    let silent = shake_hands(address);
    broadcaster.signal(Signal::TERM);
    let deadline = Instant::now() + TIMEOUT;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "it still accepts");
    }
    drop(silent);
    assert!(broadcaster.await_exit().success());
    until("the lock is free", || !queue::Reader::is_owned(&queue.path()));
}
