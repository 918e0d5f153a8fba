//! Clients that make the server wait: for a request, for a pong, for the end of the connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::{HANDSHAKE, QueueDir};

use crate::support::{Client, broadcaster, connect, read_to_end, shake_hands};

#[test]
fn a_request_that_comes_byte_by_byte_is_cut_off_and_others_are_served_meanwhile() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--handshake-timeout-secs", "1"]);
    let at_start = broadcaster.descriptors();
    let slow: Vec<TcpStream> = (0..50).map(|_| connect(broadcaster.address()).unwrap()).collect();
    let mut client = Client::of(&broadcaster);
    let mut bytes = HANDSHAKE.bytes().cycle();
    // Many servers wait for ever for a client that sends a byte now and then.
    let mut open = slow;
    while !open.is_empty() {
        let byte = [bytes.next().unwrap().max(b'A')];
        open.retain_mut(|stream| {
            stream.set_nonblocking(true).unwrap();
            stream.write_all(&byte).is_ok() && !matches!(stream.read(&mut [0]), Ok(0))
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    drop(client);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}

#[test]
fn half_open_connections_are_found_out_by_a_ping_and_freed() {
    let queue = QueueDir::new();
    let flags = ["--ping-interval-secs", "0.5", "--pong-timeout-secs", "0.5"];
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let at_start = broadcaster.descriptors();
    // Their kernel keeps the connections, but no program answers.
    let mut gone: Vec<TcpStream> = (0..20).map(|_| shake_hands(broadcaster.address())).collect();
    broadcaster.await_descriptors(at_start);
    for stream in &mut gone {
        let received = read_to_end(stream);
        assert_eq!(received[..2], [0x89, 0], "a ping");
        assert_eq!(received[2..6], [0x88, 19, 0x0f, 0xa9], "the close code 4009");
    }
    broadcaster.stop();
}

#[test]
fn a_client_that_does_not_answer_a_close_frame_is_dropped() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let at_start = broadcaster.descriptors();
    let mut silent = shake_hands(broadcaster.address());
    silent.write_all(&[0x81, 0]).unwrap();
    // It neither reads our close frame nor closes its side.
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}

#[test]
fn a_client_that_closes_only_its_writing_side_is_let_go() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let at_start = broadcaster.descriptors();
    let mut half = shake_hands(broadcaster.address());
    half.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(half.read(&mut [0]).unwrap(), 0);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}
