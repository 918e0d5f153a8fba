//! Clients that send bodies without end where a handshake was expected: reading and discarding them delays no other
//! client.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use testkit::{QueueDir, until};

use crate::support::{Client, broadcaster, connect, health, shake_hands};

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n";

/// Connections that send all the time, a new one for each that is closed.
struct Flood {
    stop: Arc<AtomicBool>,
    closed: Arc<AtomicU64>,
    sending: Option<JoinHandle<()>>,
}

impl Flood {
    fn of(count: usize, address: SocketAddr) -> Flood {
        let (stop, closed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stopped, counted) = (stop.clone(), closed.clone());
        let upload = move || {
            let mut stream = connect(address).unwrap();
            stream.write_all(POST).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        };
        let sending = std::thread::spawn(move || {
            let block = vec![b'x'; 64 * 1024];
            let mut uploads: Vec<TcpStream> = (0..count).map(|_| upload()).collect();
            while !stopped.load(Ordering::Relaxed) {
                for stream in &mut uploads {
                    match stream.write(&block) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(_) => {
                            counted.fetch_add(1, Ordering::Relaxed);
                            *stream = upload();
                        }
                        Ok(_) => {}
                    }
                }
            }
        });
        Flood { stop, closed, sending: Some(sending) }
    }

    fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.sending.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

#[test]
fn bodies_without_end_take_no_memory_and_no_slot_for_long() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let at_start = broadcaster.descriptors();
    let mut client = Client::of(&broadcaster);
    // What an answer takes the first time is no growth.
    assert_eq!(health(broadcaster.address()).0, 200);
    let before = broadcaster.memory_kb("VmRSS");
    let flood = Flood::of(200, broadcaster.address());
    until("uploads were cut off", || flood.closed() > 300);
    for number in 0..10 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
        assert_eq!(health(broadcaster.address()), (200, "ok\n".to_owned()));
    }
    let grown = broadcaster.memory_kb("VmRSS").saturating_sub(before);
    eprintln!("{grown} kB more with 200 uploads");
    assert!(grown < 8 * 1024, "{grown} kB more");
    drop(flood);
    drop(client);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}

#[test]
fn at_a_full_server_they_keep_no_health_check_from_its_answer() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--max-connections", "3"]);
    let address = broadcaster.address();
    let at_start = broadcaster.descriptors();
    let clients: Vec<TcpStream> = (0..3).map(|_| shake_hands(address)).collect();
    let flood = Flood::of(100, address);
    until("uploads were cut off", || flood.closed() > 100);
    for _ in 0..10 {
        let asked = Instant::now();
        assert_eq!(health(address), (200, "ok\n".to_owned()));
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        eprintln!("answered after {took:?}");
    }
    drop(flood);
    drop(clients);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}

#[test]
fn heads_that_never_end_take_no_more_memory_than_a_head_may_have() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let at_start = broadcaster.descriptors();
    assert_eq!(health(broadcaster.address()).0, 200);
    let before = broadcaster.memory_kb("VmRSS");
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(32 * 1024 - 100));
    let unfinished = 500;
    let heads: Vec<TcpStream> = (0..unfinished)
        .map(|_| {
            let mut stream = connect(broadcaster.address()).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Served after them, so they have been read.
    assert_eq!(health(broadcaster.address()).0, 200);
    until("all heads are there", || broadcaster.descriptors() >= at_start + unfinished);
    let grown = broadcaster.memory_kb("VmRSS").saturating_sub(before);
    eprintln!("{} kB for each of {unfinished} heads", grown / unfinished as u64);
    assert!(grown < unfinished as u64 * 48, "{grown} kB more");
    drop(heads);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}
