//! Slow subscribers of a channel of their own, beside good clients of another one.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::{Figures, INTERVAL};
use crate::channels::Channels;
use crate::client::Manner;
use crate::machine::monotonic_nanos;
use crate::publisher::Publisher;
use crate::report::Section;
use crate::sockets::{held_by_kernel, is_open};
use crate::stats::percentile_ms;
use crate::suites::Plan;
use crate::suites::subject::{Started, Subject};
use crate::swarm::Swarm;
use crate::workload;

const GOOD: usize = 1_000;
const BYTES: usize = 150;
const WINDOW: u64 = 1_000;
const BUSY: Channels = Channels { first: 0, count: 1, each: 1 };
const QUIET: Channels = Channels { first: 1_000_000, count: 1, each: 1 };
/// Messages for a slow subscriber, until so many bytes wait for it that the kernel does not take. That is three quarters
/// of what may wait for one client (`max_outbox_bytes`).
const QUIET_BYTES: usize = 16 * 1024;
const QUIET_STEP: u64 = 8;
const WAITING_BYTES: u64 = 768 * 1024;
/// At most so many, for a server that makes them wait elsewhere.
const MAX_QUIET_MESSAGES: u64 = 4_000;
/// A slow client is to stay in the way: it is not disconnected because a message waits for long.
const FLAGS: [&str; 2] = ["--slow-client-timeout-secs", "600"];

const ALONE: &str = "1,000 that read";
/// Names in the table, and how many bytes a second the slow client reads.
const CASES: [(&str, Option<u64>); 4] = [
    (ALONE, None),
    ("and one that reads nothing", Some(0)),
    ("and one that reads 2.5 kB/s", Some(2_500)),
    ("and one that reads 20 kB/s", Some(20_000)),
];

/// Adds the rows, and returns what the table has to say of them.
pub(super) fn measure(plan: &Plan, section: &mut Section) -> anyhow::Result<String> {
    let messages = plan.pick(100, 250);
    for _ in 0..plan.rounds {
        for (name, rate) in CASES {
            let started = Subject::Broadcaster.start_with_flags(plan, &FLAGS)?;
            let mut swarm = started.connect_as(Manner { channels: Some(BUSY), ..Manner::default() }, GOOD)?;
            let mut publisher = started.publisher(BYTES)?.for_channels(BUSY);
            let slow = rate.map(|rate| SlowReader::connect(&started, QUIET, rate)).transpose()?;
            if let Some(slow) = &slow {
                slow.fill(&mut publisher.beside(QUIET, QUIET_BYTES), &mut swarm)?;
            }
            let mut latencies = workload::steady(&mut swarm, &mut publisher, Duration::from_millis(20), messages)?;
            let [p50, p99] = [0.5, 0.99].map(|part| percentile_ms(&mut latencies, part));
            let flood = workload::flood(&started.server, &mut swarm, &mut publisher, WINDOW, plan.load_time())?;
            let lost = slow.map(|slow| slow.is_disconnected()).transpose()?;
            let slow_lost = lost.map_or(f64::NAN, |lost| f64::from(u8::from(lost)));
            let figures = Figures { p50, p99, per_sec: flood.per_sec(), slow_lost, ..Figures::NONE };
            figures.add_to(section, "a slow subscriber of a quiet channel", name, rate.map(|_| ALONE));
        }
    }
    Ok(format!(
        "A slow subscriber: before the measurement, its channel gets messages until {WAITING_BYTES} B wait for it in the \
         server. Then 50 messages a second to the others for the latencies, and as many as go for {:?}; ratios to the \
         {GOOD} alone.",
        plan.load_time()
    ))
}

/// A client that reads so many bytes a second, without looking at them. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct SlowReader {
    server_port: u16,
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    read: AtomicU64,
    ends: AtomicBool,
}

impl SlowReader {
    /// Connects and subscribes the channels.
    pub(super) fn connect(started: &Started, channels: Channels, rate: u64) -> anyhow::Result<SlowReader> {
        let stream = welcomed(started.server.address, &channels.name(0))?;
        let port = stream.local_addr()?.port();
        stream.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        let attended = shared.clone();
        let thread = Some(std::thread::spawn(move || attend(stream, rate, &attended)));
        Ok(SlowReader { server_port: started.server.address.port(), port, shared, thread })
    }

    /// Publishes until enough waits for it in the server. The others answer pings meanwhile.
    fn fill(&self, publisher: &mut Publisher, others: &mut Swarm) -> anyhow::Result<()> {
        let waiting = |publisher: &Publisher| -> anyhow::Result<u64> {
            let sent = publisher.published() * QUIET_BYTES as u64;
            let elsewhere = held_by_kernel(self.port)? + self.shared.read.load(Ordering::Relaxed);
            Ok(sent.saturating_sub(elsewhere))
        };
        while waiting(publisher)? < WAITING_BYTES {
            ensure!(publisher.published() < MAX_QUIET_MESSAGES, "the kernel takes all that a client does not read");
            publisher.publish(QUIET_STEP)?;
            // What the server is about to write does not wait.
            let mut before = u64::MAX;
            loop {
                workload::turn_until(others, monotonic_nanos() + INTERVAL.as_nanos() as u64)?;
                let now = waiting(publisher)?;
                if now >= before || now == 0 {
                    break;
                }
                before = now;
            }
        }
        Ok(())
    }

    /// Whether the server has closed the connection. The client itself would learn it only after what it has not read.
    pub(super) fn is_disconnected(&self) -> anyhow::Result<bool> {
        Ok(!is_open(self.server_port, self.port)?)
    }
}

impl Drop for SlowReader {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It returns nothing, and a panic was printed.
            let _ = thread.join();
        }
    }
}

fn attend(mut stream: TcpStream, rate: u64, shared: &Shared) {
    let mut buffer = vec![0; rate as usize / 100];
    while !shared.ends.load(Ordering::Relaxed) {
        std::thread::sleep(INTERVAL);
        // Into an empty buffer nothing is read.
        match stream.read(&mut buffer) {
            Ok(0) if rate == 0 => {}
            Ok(read) if read > 0 => {
                shared.read.fetch_add(read as u64, Ordering::Relaxed);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            _ => return,
        }
    }
}

/// A connection that has subscribed a channel and read nothing after the welcome.
fn welcomed(address: SocketAddr, channel: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).context("a slow client cannot connect")?;
    let request = format!(
        "GET /bench?channel={channel} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let begun = Instant::now();
    let (mut received, mut byte) = (Vec::new(), [0]);
    // Its channels stand in the welcome, and nothing was published to them yet.
    let name = format!("\"{channel}\"");
    while !received.windows(name.len()).any(|window| window == name.as_bytes()) {
        ensure!(stream.read(&mut byte)? == 1, "the server closed a slow client");
        received.push(byte[0]);
        ensure!(begun.elapsed() < Duration::from_secs(10), "no welcome");
    }
    Ok(stream)
}
