//! The clients of the soak: most read, some come and go, some do not read. Each checks what it gets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use testkit::payload_of;

use crate::soak::stream::{Frame, Stream};
use crate::support::{Random, numbers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// Reads as long as there is a server.
    Reads,
    /// Closes the connection after a few seconds, without a close frame, and connects again.
    Reconnects,
    /// Reads nothing for so long that it is disconnected.
    DoesNotRead,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicUsize,
    pub(crate) messages: AtomicUsize,
    /// Closed with 1001.
    pub(crate) going_away: AtomicUsize,
    /// Clients that did not read, and then read 4008 or 4009. Others got no close frame.
    pub(crate) slow: AtomicUsize,
    /// Readers that were disconnected as slow: none must be.
    pub(crate) readers_disconnected: AtomicUsize,
}

/// Runs one client until `stop`.
pub(crate) fn run_client(address: SocketAddr, behavior: Behavior, seed: u64, counts: &Counts, stop: &AtomicBool) {
    let mut random = Random::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(random.below(200) as u64));
        let Some(stream) = Stream::connect(address, behavior == Behavior::DoesNotRead) else { continue };
        counts.connections.fetch_add(1, Ordering::Relaxed);
        visit(stream, behavior, &mut random, counts, stop);
    }
}

fn visit(mut stream: Stream, behavior: Behavior, random: &mut Random, counts: &Counts, stop: &AtomicBool) {
    let leaves = Instant::now() + Duration::from_millis(500 + random.below(10_000) as u64);
    if behavior == Behavior::DoesNotRead {
        let reads_again = Instant::now() + Duration::from_secs(12 + random.below(14) as u64);
        while Instant::now() < reads_again && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    // The next number of each producer whose events this connection has had.
    let mut next: HashMap<usize, usize> = HashMap::new();
    loop {
        if stop.load(Ordering::Relaxed) || behavior == Behavior::Reconnects && Instant::now() > leaves {
            return;
        }
        for frame in stream.frames(Duration::from_millis(200)) {
            match frame {
                Frame::Text(text) => {
                    counts.messages.fetch_add(1, Ordering::Relaxed);
                    let (producer, number) = numbers(payload_of(&text));
                    let due = *next.entry(producer).or_insert(number);
                    assert_eq!(number, due, "{behavior:?}: producer {producer}");
                    next.insert(producer, number + 1);
                }
                Frame::Close(1001) => {
                    counts.going_away.fetch_add(1, Ordering::Relaxed);
                }
                Frame::Close(4008) => {
                    let count =
                        if behavior == Behavior::DoesNotRead { &counts.slow } else { &counts.readers_disconnected };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // It answers no ping while it does not read.
                Frame::Close(4009) if behavior == Behavior::DoesNotRead => {
                    counts.slow.fetch_add(1, Ordering::Relaxed);
                }
                Frame::Close(code) => panic!("{behavior:?}: closed with {code}"),
                Frame::End => return,
            }
        }
        // Many messages in one read: two hundred clients share the machine with what they test.
        std::thread::sleep(Duration::from_millis(20));
    }
}
