//! Events for channels: one for all clients, many small ones, and channels that nobody has.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use queue::{Reader, ReaderOptions};

use super::subject::Subject;
use super::{Plan, in_memory};
use crate::channels::Channels;
use crate::client::Manner;
use crate::directory::Directory;
use crate::machine::own_cpu_secs;
use crate::peers::Peer;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::report::{Metric, Section};
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};
use crate::workload::{self, Delivered};

const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "CPU µs per message", unit: 1e-6 },
];
const CLIENTS: usize = 1_000;
/// With an id and a channel a message cannot be as short as in other tables. Those for everybody have as many.
const BYTES: usize = 150;
/// Messages that the publisher may be ahead of the slowest client, and of those how many for each channel at least.
const WINDOW: u64 = 1_000;
const WINDOW_OF_CHANNEL: u64 = 10;
/// Time before the measurement, in which servers with a JIT compiler compile.
const WARM_UP: Duration = Duration::from_millis(200);

const EVERYBODY: &str = "everybody";
/// What the clients have, and the name in the table.
const CASES: [(&str, Option<Channels>); 4] = [
    (EVERYBODY, None),
    ("one channel of 1,000", Some(Channels { first: 0, count: 1, each: 1 })),
    ("100 channels of 10", Some(Channels { first: 0, count: 100, each: 1 })),
    ("1,000 channels of one", Some(Channels { first: 0, count: 1_000, each: 1 })),
];
/// What is measured as well if there is time.
const MORE_CASES: [(&str, Option<Channels>); 2] = [
    ("16 channels a client, the same for all", Some(Channels { first: 0, count: 16, each: 16 })),
    ("128 channels a client, the same for all", Some(Channels { first: 0, count: 128, each: 128 })),
];
const LOADS: [&str; 2] = ["batches", ONE_AT_A_TIME];
const ONE_AT_A_TIME: &str = "one at a time";

/// More than the default.
const FLAGS: [&str; 2] = ["--max-subscriptions", "1000000"];
/// As the reference. What history costs is a table of its own.
const WITHOUT_HISTORY: Option<usize> = Some(0);
/// Channels of the node whose events are for others.
const EXISTING: Channels = Channels { first: 0, count: 100_000, each: 100 };
const WITHOUT_SUBSCRIBERS: Channels = Channels { first: 1_000_000, count: 1_000, each: 1 };
const DROPPING: &str = "queue::Reader, read and dropped";
/// Reads entries that nobody gets, and returns the CPU seconds of that.
type Dropping = fn(&Plan, u64) -> anyhow::Result<f64>;
/// No backlog takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server of the table.
#[derive(Debug, Clone, Copy)]
enum Server {
    Ours(Subject),
    Peer(Peer),
}

const SERVERS: [Server; 7] = [
    Server::Ours(Subject::ReferenceTcp),
    Server::Ours(Subject::Hub),
    Server::Ours(Subject::ReferenceQueue),
    Server::Ours(Subject::Broadcaster),
    Server::Ours(Subject::Journal),
    Server::Peer(Peer::Nats),
    Server::Peer(Peer::RedisAndWs),
];

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Channels",
        &format!(
            "{CLIENTS} clients, {BYTES} B, for {:?} a round; batches: as many messages as go, at most {WINDOW} ahead of the \
             slowest client, or {WINDOW_OF_CHANNEL} of every channel. Messages go to the channels by turns. No server keeps history. Ratios to the \
             reference that is fed in the same way, for NATS, Redis and the journal the one over TCP; below, to everybody's events of the \
             same server. At the end, entries for channels that nobody has, {} others being there: until all entries are \
             deleted.",
            plan.load_time(),
            EXISTING.count,
        ),
        METRICS,
    );
    let mut missing = Vec::new();
    for (case, channels) in CASES.into_iter().chain(MORE_CASES.into_iter().filter(|_| plan.full)) {
        for load in LOADS {
            let case = format!("{case}, {load}");
            for _ in (0..plan.rounds).filter(|_| plan.has_load(&case)) {
                for server in SERVERS {
                    let Some(delivered) = server.measure(plan, channels, load)? else {
                        if !missing.contains(&server.name()) {
                            missing.push(server.name());
                        }
                        continue;
                    };
                    section.add(&case, server.name(), server.against(), &values(&delivered));
                }
            }
        }
    }
    add_beside_everybody(plan, &mut section)?;
    add_without_subscribers(plan, &mut section)?;
    if !missing.is_empty() {
        section.note += &format!(" Not installed (`make setup-bench`): {}.", missing.join(", "));
    }
    Ok(section)
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Server::Ours(subject) => subject.name(),
            Server::Peer(peer) => peer.name(),
        }
    }

    fn against(self) -> Option<&'static str> {
        match self {
            Server::Ours(Subject::Journal) => Some(Subject::ReferenceTcp.name()),
            Server::Ours(subject) => subject.against(),
            Server::Peer(_) => Some(Subject::ReferenceTcp.name()),
        }
    }

    /// None if it is not installed.
    fn measure(self, plan: &Plan, channels: Option<Channels>, load: &str) -> anyhow::Result<Option<Delivered>> {
        let run = |server: &Process, manner: Manner, publisher: Publisher| -> anyhow::Result<Delivered> {
            // The messages of one channel come over all connections of the publisher, those of several each over one.
            let lanes = if channels.is_some_and(|channels| channels.count > 1) { 0 } else { manner.lanes };
            let manner = Manner { channels, lanes, ..manner };
            let mut swarm = Swarm::connect(server.address, manner, CLIENTS, CONCURRENT_HANDSHAKES)?;
            let mut publisher = match channels {
                Some(channels) => publisher.for_channels(channels),
                None => publisher,
            };
            let window = WINDOW.max(channels.map_or(0, |channels| channels.count * WINDOW_OF_CHANNEL));
            workload::flood(server, &mut swarm, &mut publisher, window / 10, WARM_UP)?;
            match load {
                ONE_AT_A_TIME => workload::one_at_a_time(server, &mut swarm, &mut publisher, plan.load_time()),
                _ => workload::flood(server, &mut swarm, &mut publisher, window, plan.load_time()),
            }
        };
        match self {
            Server::Ours(subject) => {
                let started = subject.start_with_history(plan, WITHOUT_HISTORY, &FLAGS)?;
                run(&started.server, Manner::default(), started.publisher(BYTES)?)
            }
            Server::Peer(peer) => {
                let home = in_memory()?;
                let Some(server) = peer.start(plan.cores, &plan.peers, home.path())? else { return Ok(None) };
                let feed = server.feeds.first().copied().unwrap_or(server.address);
                run(&server, peer.manner(), Publisher::to_foreign(feed, peer.protocol(), BYTES)?)
            }
        }
        .map(Some)
        .with_context(|| format!("{}, {load}", self.name()))
    }
}

fn values(delivered: &Delivered) -> [f64; 3] {
    let per_message = delivered.cpu_secs / delivered.messages as f64;
    [delivered.per_sec(), delivered.cpu_per_million(), per_message]
}

/// One channel of all clients beside what is for everybody: one directly after the other, in each round the other first.
fn add_beside_everybody(plan: &Plan, section: &mut Section) -> anyhow::Result<()> {
    for server in [Server::Ours(Subject::Hub), Server::Ours(Subject::Broadcaster)] {
        for load in LOADS {
            let mut pair = [CASES[0], CASES[1]];
            let case = format!("{}, {load}", server.name());
            for _ in (0..plan.rounds).filter(|_| plan.has_load(&case)) {
                for (name, channels) in pair {
                    let delivered = server.measure(plan, channels, load)?.context("our own server is not there")?;
                    let against = (name != EVERYBODY).then_some(EVERYBODY);
                    section.add(&case, name, against, &values(&delivered));
                }
                pair.reverse();
            }
        }
    }
    Ok(())
}

/// What an entry costs that nobody gets, beside a loop that reads entries and drops them.
fn add_without_subscribers(plan: &Plan, section: &mut Section) -> anyhow::Result<()> {
    let entries = plan.pick(5_000, 50_000);
    let case = format!("{entries} entries for channels without subscribers");
    for _ in (0..plan.rounds).filter(|_| plan.has_load(&case)) {
        let runs: [(&'static str, Option<&'static str>, Dropping); 2] = [
            (DROPPING, None, dropped_by_reader),
            (Subject::Broadcaster.name(), Some(DROPPING), dropped_by_broadcaster),
        ];
        for (name, against, run) in runs {
            let cpu_secs = run(plan, entries).with_context(|| format!("{case}: {name}"))?;
            section.add(&case, name, against, &[f64::NAN, f64::NAN, cpu_secs / entries as f64]);
        }
    }
    Ok(())
}

fn dropped_by_reader(plan: &Plan, entries: u64) -> anyhow::Result<f64> {
    let directory = in_memory()?;
    Publisher::to_queue(directory.path(), BYTES).for_channels(WITHOUT_SUBSCRIBERS).publish(entries)?;
    plan.cores.on_server(|| {
        let cpu = own_cpu_secs();
        let mut reader = Reader::open(directory.path(), ReaderOptions::default())?;
        loop {
            let entries = reader.scan(256, 1024 * 1024)?;
            if entries.is_empty() {
                return Ok(own_cpu_secs() - cpu);
            }
            for entry in entries {
                entry.events.context("an entry holds no events")?;
                reader.ack(&entry.name)?;
            }
        }
    })
}

fn dropped_by_broadcaster(plan: &Plan, entries: u64) -> anyhow::Result<f64> {
    let started = Subject::Broadcaster.start_with_history(plan, WITHOUT_HISTORY, &FLAGS)?;
    let subscribers = (EXISTING.count / EXISTING.each) as usize;
    let _swarm = started.connect_as(Manner { channels: Some(EXISTING), ..Manner::default() }, subscribers)?;
    let mut publisher = started.publisher(BYTES)?.for_channels(WITHOUT_SUBSCRIBERS);
    let cpu = {
        // So that it finds a backlog, as the loop does.
        let _paused = started.server.pause()?;
        publisher.publish(entries)?;
        started.server.cpu_secs()?
    };
    let begun = Instant::now();
    while !publisher.is_acked() {
        ensure!(begun.elapsed() < TIMEOUT, "the broadcaster does not delete the entries");
        std::thread::sleep(Duration::from_millis(1));
    }
    let cpu_secs = started.server.cpu_secs()? - cpu;
    let left = Directory::open(started.queues[0].path())?.list()?.len();
    ensure!(left == 0, "{left} entries are left");
    Ok(cpu_secs)
}
