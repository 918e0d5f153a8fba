//! The clients of the soak: most read, some come and go, some do not read. Each checks what it gets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use testkit::payload_of;

use crate::soak::stream::{Frame, Stream};
use crate::support::{Random, numbers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Reads as long as there is a server.
    Reads,
    /// Leaves after a few seconds, without a word, and comes back.
    ComesAndGoes,
    /// Reads nothing for so long that it is disconnected.
    Sleeps,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicUsize,
    pub(crate) messages: AtomicUsize,
    /// Closed with 1001.
    pub(crate) sent_away: AtomicUsize,
    /// Sleepers that woke up in time to read 4008 or 4009. Later ones were dropped without a word.
    pub(crate) slow: AtomicUsize,
    /// Readers that were disconnected as slow: none must be.
    pub(crate) wronged: AtomicUsize,
}

/// Plays one client until it is told to stop.
pub(crate) fn play(address: SocketAddr, habit: Habit, seed: u64, counts: &Counts, stop: &AtomicBool) {
    let mut random = Random::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(random.below(200) as u64));
        let Some(stream) = Stream::connect(address, habit == Habit::Sleeps) else { continue };
        counts.connections.fetch_add(1, Ordering::Relaxed);
        visit(stream, habit, &mut random, counts, stop);
    }
}

fn visit(mut stream: Stream, habit: Habit, random: &mut Random, counts: &Counts, stop: &AtomicBool) {
    let leaves = Instant::now() + Duration::from_millis(500 + random.below(10_000) as u64);
    if habit == Habit::Sleeps {
        let wakes = Instant::now() + Duration::from_secs(12 + random.below(14) as u64);
        while Instant::now() < wakes && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    // The next number of each producer whose events this connection has had.
    let mut next: HashMap<usize, usize> = HashMap::new();
    loop {
        if stop.load(Ordering::Relaxed) || habit == Habit::ComesAndGoes && Instant::now() > leaves {
            return;
        }
        for frame in stream.frames(Duration::from_millis(200)) {
            match frame {
                Frame::Text(text) => {
                    counts.messages.fetch_add(1, Ordering::Relaxed);
                    let (producer, number) = numbers(payload_of(&text));
                    let due = *next.entry(producer).or_insert(number);
                    assert_eq!(number, due, "{habit:?}: producer {producer}");
                    next.insert(producer, number + 1);
                }
                Frame::Close(1001) => {
                    counts.sent_away.fetch_add(1, Ordering::Relaxed);
                }
                Frame::Close(4008) => {
                    let count = if habit == Habit::Sleeps { &counts.slow } else { &counts.wronged };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // It answers no ping in its sleep.
                Frame::Close(4009) if habit == Habit::Sleeps => {
                    counts.slow.fetch_add(1, Ordering::Relaxed);
                }
                Frame::Close(code) => panic!("{habit:?}: closed with {code}"),
                Frame::End => return,
            }
        }
        // Many messages in one read: two hundred clients share the machine with what they test.
        std::thread::sleep(Duration::from_millis(20));
    }
}
