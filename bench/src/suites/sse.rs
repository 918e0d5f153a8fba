//! Clients of server-sent events beside those of WebSocket, of our servers and of nchan.

use std::time::Duration;

use anyhow::Context;

use super::subject::Subject;
use super::{Plan, in_memory};
use crate::client::Manner;
use crate::peers::Peer;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::report::{Metric, Section};
use crate::swarm::{CONCURRENT_HANDSHAKES, Load, Swarm};
use crate::workload::{self, Delivered};

const CLIENTS: usize = 1_000;
const BYTES: usize = 100;
/// Messages that the publisher may be ahead of the slowest client.
const WINDOW: u64 = 1_000;
const WARM_UP: Duration = Duration::from_millis(200);
const WARM_UP_WINDOW: u64 = 100;
const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "bytes of a message", unit: 1.0 },
    Metric { name: "CPU s per GB", unit: 1.0 },
];

const BATCHES: &str = "as many as go";
const ONE_AT_A_TIME: &str = "one at a time";

/// The ways to receive the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    ByUrl,
    Stream,
}

impl Way {
    const ALL: [Way; 3] = [Way::ByUrl, Way::Stream, Way::Plain];

    fn name(self) -> &'static str {
        match self {
            Way::Plain => "WebSocket, plain",
            Way::ByUrl => "WebSocket, with ids",
            Way::Stream => "server-sent events",
        }
    }

    fn manner(self) -> Manner {
        Manner { stream: self == Way::Stream, everybody: self == Way::ByUrl, ..Manner::default() }
    }
}

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Server-sent events",
        &format!(
            "{CLIENTS} clients, events of {BYTES} B for everybody, for {:?} a round; at most {WINDOW} ahead of the slowest \
             client. A plain message has {BYTES} B and the head of a frame. Ratios to WebSocket with ids of the same server; at the end, of server-sent events, to nchan. nchan is fed by \
             POST requests over 16 connections, the next on a connection when the one before is answered.",
            plan.load_time()
        ),
        METRICS,
    );
    for load in [BATCHES, ONE_AT_A_TIME] {
        for _ in 0..plan.rounds {
            let mut streams = Vec::new();
            for subject in [Subject::Hub, Subject::Broadcaster] {
                let name = subject.name();
                for way in Way::ALL {
                    let values =
                        of_ours(plan, subject, way, load).with_context(|| format!("{name}, {}", way.name()))?;
                    let against = (way != Way::ByUrl).then_some(Way::ByUrl.name());
                    section.add(&format!("{name}, {load}"), way.name(), against, &values);
                    if way == Way::Stream {
                        streams.push((name, values));
                    }
                }
            }
            let Some(nchan) = of_nchan(plan, load)? else {
                section.note +=
                    if section.note.ends_with('.') { " nchan is not installed (`make setup-bench`)" } else { "" };
                continue;
            };
            let case = format!("server-sent events, {load}");
            section.add(&case, Peer::Nchan.name(), None, &nchan);
            for (name, values) in streams {
                section.add(&case, name, Some(Peer::Nchan.name()), &values);
            }
        }
    }
    Ok(section)
}

fn of_ours(plan: &Plan, subject: Subject, way: Way, load: &str) -> anyhow::Result<[f64; 4]> {
    let started = subject.start(plan)?;
    let mut swarm = started.connect_as(way.manner(), CLIENTS)?;
    run(plan, &started.server, &mut swarm, &mut started.publisher(BYTES)?, load)
}

/// None if it is not installed.
fn of_nchan(plan: &Plan, load: &str) -> anyhow::Result<Option<[f64; 4]>> {
    let home = in_memory()?;
    let Some(server) = Peer::Nchan.start(plan.cores, &plan.peers, home.path())? else { return Ok(None) };
    let manner = Manner { stream: true, ..Peer::Nchan.manner() };
    let mut swarm = Swarm::connect(server.address, manner, CLIENTS, CONCURRENT_HANDSHAKES)?;
    let mut publisher = Publisher::to_foreign(server.address, Peer::Nchan.protocol(), BYTES)?;
    run(plan, &server, &mut swarm, &mut publisher, load).context("nchan").map(Some)
}

fn run(
    plan: &Plan,
    server: &Process,
    swarm: &mut Swarm,
    publisher: &mut Publisher,
    load: &str,
) -> anyhow::Result<[f64; 4]> {
    workload::flood(server, swarm, publisher, WARM_UP_WINDOW, WARM_UP)?;
    let (bytes, received) = (swarm.reading.tally.bytes, swarm.received());
    let delivered: Delivered = match load {
        ONE_AT_A_TIME => workload::one_at_a_time(server, swarm, publisher, plan.load_time())?,
        _ => workload::flood(server, swarm, publisher, WINDOW, plan.load_time())?,
    };
    let bytes = (swarm.reading.tally.bytes - bytes) as f64;
    let each = bytes / (swarm.received() - received) as f64;
    Ok([delivered.per_sec(), delivered.cpu_per_million(), each, delivered.cpu_secs * 1e9 / bytes])
}
