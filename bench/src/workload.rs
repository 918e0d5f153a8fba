//! The loads of a server: as many messages as possible, one at a time, a steady rate.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::machine::{monotonic_nanos, own_cpu_secs};
use crate::process::Process;
use crate::publisher::Publisher;
use crate::stats::percentile_ms;
use crate::swarm::{Load, Swarm};

/// Messages that are published before clients get their turn.
const BURST: u64 = 256;
/// A second bound of every load, in addition to its time.
const MAX_MESSAGES: u64 = 2_000_000;
/// No server takes longer to write a burst.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long clients and server exchange messages before it is measured.
const WARM_UP: Duration = Duration::from_millis(200);

/// What a server did under a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered {
    pub(crate) messages: u64,
    deliveries: u64,
    pub(crate) secs: f64,
    pub(crate) cpu_secs: f64,
    /// What the load cost, clients and publisher.
    pub(crate) load_cpu_secs: f64,
}

impl Delivered {
    pub(crate) fn per_sec(self) -> f64 {
        self.deliveries as f64 / self.secs
    }

    /// CPU seconds of the server per million deliveries.
    pub(crate) fn cpu_per_million(self) -> f64 {
        self.cpu_secs * 1e6 / self.deliveries as f64
    }
}

/// Publishes as fast as the slowest client receives, at most `window` messages ahead of it.
pub(crate) fn flood(
    server: &Process,
    clients: &mut impl Load,
    publisher: &mut Publisher,
    window: u64,
    duration: Duration,
) -> anyhow::Result<Delivered> {
    measure(server, clients, publisher, |clients, publisher| {
        let start = Instant::now();
        while start.elapsed() < duration && publisher.published() < MAX_MESSAGES {
            let room = window.saturating_sub(publisher.published().saturating_sub(clients.slowest()));
            publisher.publish(room.min(BURST))?;
            clients.turn(if room > BURST { Duration::ZERO } else { Duration::from_millis(10) })?;
        }
        Ok(())
    })
}

/// Publishes bursts to a server with a queue directory, and counts only the time until it has written each to all
/// sockets. The clients read after that, so that until then the load leaves its core to the server.
pub(crate) fn bursts(
    server: &Process,
    swarm: &mut Swarm,
    publisher: &mut Publisher,
    messages: u64,
    duration: Duration,
) -> anyhow::Result<Delivered> {
    let mut total = Delivered { messages: 0, deliveries: 0, secs: 0.0, cpu_secs: 0.0, load_cpu_secs: 0.0 };
    while total.secs < duration.as_secs_f64() {
        let (received, cpu, load_cpu, start) =
            (swarm.reading.tally.received, server.cpu_secs()?, own_cpu_secs(), Instant::now());
        publisher.publish(messages)?;
        while !publisher.is_acked() {
            ensure!(start.elapsed() < TIMEOUT, "the server does not write a burst of {messages} messages");
            std::thread::sleep(Duration::from_micros(200));
        }
        total.secs += start.elapsed().as_secs_f64();
        total.cpu_secs += server.cpu_secs()? - cpu;
        total.load_cpu_secs += own_cpu_secs() - load_cpu;
        swarm.until_all_have(publisher.published())?;
        total.messages += messages;
        total.deliveries += swarm.reading.tally.received - received;
    }
    Ok(total)
}

/// Publishes the next message when every client has the one before.
pub(crate) fn one_at_a_time(
    server: &Process,
    swarm: &mut Swarm,
    publisher: &mut Publisher,
    duration: Duration,
) -> anyhow::Result<Delivered> {
    measure(server, swarm, publisher, |swarm, publisher| {
        let start = Instant::now();
        while start.elapsed() < duration && publisher.published() < MAX_MESSAGES {
            publisher.publish(1)?;
            swarm.until_all_have(publisher.published())?;
        }
        Ok(())
    })
}

/// The same, but counts only the time until every client can read, and the clients read after that: so neither their core
/// nor what they have of the kernel is in the server's way.
pub(crate) fn one_at_a_time_apart(
    server: &Process,
    swarm: &mut Swarm,
    publisher: &mut Publisher,
    duration: Duration,
) -> anyhow::Result<Delivered> {
    let mut sending = Duration::ZERO;
    let delivered = measure(server, swarm, publisher, |swarm, publisher| {
        while sending < duration && publisher.published() < MAX_MESSAGES {
            let start = Instant::now();
            publisher.publish(1)?;
            swarm.until_all_can_read()?;
            sending += start.elapsed();
            swarm.read_in_turn()?;
        }
        Ok(())
    })?;
    Ok(Delivered { secs: sending.as_secs_f64(), ..delivered })
}

/// Publishes at a steady rate, and returns the nanoseconds to the clients, of each message to each.
pub(crate) fn steady(
    swarm: &mut Swarm,
    publisher: &mut Publisher,
    interval: Duration,
    messages: u64,
) -> anyhow::Result<Vec<u64>> {
    swarm.reading.tally.latencies = Some(Vec::with_capacity(messages as usize * swarm.len()));
    let start = monotonic_nanos();
    for number in 0..messages {
        turn_until(swarm, start + number * interval.as_nanos() as u64)?;
        publisher.publish(1)?;
    }
    swarm.until_all_have(publisher.published())?;
    Ok(swarm.reading.tally.latencies.take().unwrap_or_default())
}

/// Reads until a moment of the monotonic clock.
pub(crate) fn turn_until(clients: &mut impl Load, due: u64) -> anyhow::Result<()> {
    loop {
        let now = monotonic_nanos();
        if now >= due {
            return Ok(());
        }
        // epoll counts in milliseconds and rounds up, so the last one is spent with repeated calls.
        let left = Duration::from_nanos(due - now);
        let whole = Duration::from_millis((left.as_millis() as u64).saturating_sub(1));
        clients.turn(if left > Duration::from_millis(1) { whole } else { Duration::ZERO })?;
    }
}

/// Lets every client send a message and wait until it comes back, again and again. Returns what came back, and the
/// milliseconds of one at p50 and p99.
pub(crate) fn converse(
    server: &Process,
    swarm: &mut Swarm,
    bytes: usize,
    duration: Duration,
) -> anyhow::Result<(Delivered, f64, f64)> {
    swarm.converse(bytes)?;
    talk(swarm, WARM_UP)?;
    swarm.reading.tally.latencies = Some(Vec::new());
    let (received, cpu, load_cpu, start) =
        (swarm.reading.tally.received, server.cpu_secs()?, own_cpu_secs(), Instant::now());
    talk(swarm, duration)?;
    let (secs, cpu_secs) = (start.elapsed().as_secs_f64(), server.cpu_secs()? - cpu);
    let load_cpu_secs = own_cpu_secs() - load_cpu;
    let echoed = swarm.reading.tally.received - received;
    let mut latencies = swarm.reading.tally.latencies.take().unwrap_or_default();
    let delivered = Delivered { messages: echoed, deliveries: echoed, secs, cpu_secs, load_cpu_secs };
    Ok((delivered, percentile_ms(&mut latencies, 0.5), percentile_ms(&mut latencies, 0.99)))
}

fn talk(swarm: &mut Swarm, duration: Duration) -> anyhow::Result<()> {
    let (received, start) = (swarm.reading.tally.received, Instant::now());
    while start.elapsed() < duration {
        swarm.turn(Duration::from_millis(10))?;
    }
    ensure!(swarm.reading.tally.received > received, "nothing came back");
    Ok(())
}

fn measure<L: Load>(
    server: &Process,
    clients: &mut L,
    publisher: &mut Publisher,
    load: impl FnOnce(&mut L, &mut Publisher) -> anyhow::Result<()>,
) -> anyhow::Result<Delivered> {
    let (received, published, cpu, load_cpu, start) =
        (clients.received(), publisher.published(), server.cpu_secs()?, own_cpu_secs(), Instant::now());
    load(clients, publisher)?;
    clients.until_all_have(publisher.published())?;
    Ok(Delivered {
        messages: publisher.published() - published,
        deliveries: clients.received() - received,
        secs: start.elapsed().as_secs_f64(),
        cpu_secs: server.cpu_secs()? - cpu,
        load_cpu_secs: own_cpu_secs() - load_cpu,
    })
}
