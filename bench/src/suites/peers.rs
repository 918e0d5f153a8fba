//! The broadcaster beside servers that others use for the same.

use std::time::Duration;

use super::subject::Subject;
use super::{Plan, in_memory};
use crate::peers::Peer;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::report::{Metric, Section};
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};
use crate::workload::{self, Delivered};

/// Messages that the publisher may be ahead of the slowest client: enough for every peer that makes batches.
const WINDOW: u64 = 1_000;
/// Time before the measurement, in which servers with a JIT compiler compile.
const WARM_UP: Duration = Duration::from_millis(200);
const WARM_UP_WINDOW: u64 = 100;
const CLIENTS: usize = 1_000;
const BYTES: usize = 100;
const METRICS: &[Metric] =
    &[Metric { name: "million deliveries/s", unit: 1e6 }, Metric { name: "CPU s per million deliveries", unit: 1.0 }];

/// The workloads: the name in the table, and how it is done.
type Load = (&'static str, fn(&Plan, &Process, &mut Swarm, &mut Publisher) -> anyhow::Result<Delivered>);
const LOADS: [Load; 2] = [("as many as go", flood), ("one at a time", one_at_a_time)];

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Peers",
        &format!(
            "{CLIENTS} clients, {BYTES} B, for {:?} a round; at most {WINDOW} messages ahead of the slowest client. A peer is \
             fed over 16 connections: NATS and Redis in their protocols, nchan by POST requests, the next on a connection \
             when the one before is answered, Bun and Node by lines. CPU of all its processes. Ratios to the broadcaster, which \
             has its queue directory in memory and one producer.",
            plan.load_time()
        ),
        METRICS,
    );
    let mut missing = Vec::new();
    for (load, run) in LOADS {
        for _ in 0..plan.rounds {
            let started = Subject::Broadcaster.start(plan)?;
            let (mut swarm, _) = started.connect(CLIENTS)?;
            let delivered = run(plan, &started.server, &mut swarm, &mut started.publisher(BYTES)?)?;
            add(&mut section, load, Subject::Broadcaster.name(), None, delivered);
            drop((swarm, started));
            for peer in Peer::ALL {
                let home = in_memory()?;
                let Some(server) = peer.start(plan.cores, &plan.peers, home.path())? else {
                    if !missing.contains(&peer.name()) {
                        missing.push(peer.name());
                    }
                    continue;
                };
                let mut swarm = Swarm::connect(server.address, peer.manner(), CLIENTS, CONCURRENT_HANDSHAKES)?;
                let feed = server.feeds.first().copied().unwrap_or(server.address);
                let mut publisher = Publisher::to_foreign(feed, peer.protocol(), BYTES)?;
                let delivered = run(plan, &server, &mut swarm, &mut publisher)?;
                add(&mut section, load, peer.name(), Some(Subject::Broadcaster.name()), delivered);
            }
        }
    }
    if !missing.is_empty() {
        section.note += &format!(" Not installed (`make setup-bench`): {}.", missing.join(", "));
    }
    Ok(section)
}

fn flood(plan: &Plan, server: &Process, swarm: &mut Swarm, publisher: &mut Publisher) -> anyhow::Result<Delivered> {
    workload::flood(server, swarm, publisher, WARM_UP_WINDOW, WARM_UP)?;
    workload::flood(server, swarm, publisher, WINDOW, plan.load_time())
}

fn one_at_a_time(
    plan: &Plan,
    server: &Process,
    swarm: &mut Swarm,
    publisher: &mut Publisher,
) -> anyhow::Result<Delivered> {
    workload::flood(server, swarm, publisher, WARM_UP_WINDOW, WARM_UP)?;
    workload::one_at_a_time(server, swarm, publisher, plan.load_time())
}

fn add(section: &mut Section, case: &str, subject: &'static str, against: Option<&'static str>, delivered: Delivered) {
    section.add(case, subject, against, &[delivered.per_sec(), delivered.cpu_per_million()]);
}
