//! What it costs that events come to clients by a stream: three broadcasters and Redis, against one that is alone.

use std::time::Duration;

use anyhow::Context;

use super::{Nodes, not_measured};
use crate::process::Process;
use crate::publisher::Publisher;
use crate::redis as server;
use crate::report::{Metric, Section};
use crate::suites::{Plan, in_memory};
use crate::swarm::Swarm;
use crate::workload::{self, Delivered};

const TITLE: &str = "Several broadcasters over one Redis";
const METRICS: &[Metric] = &[
    Metric { name: "million deliveries per CPU s of the broadcasters", unit: 1e6 },
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU µs per event, all broadcasters", unit: 1e-6 },
    Metric { name: "CPU µs per event, Redis", unit: 1e-6 },
];
const BYTES: usize = 100;
const CLIENTS: usize = 1_000;
const NODES: usize = 3;
/// Messages that the publisher may be ahead of the slowest client: as in the table of batches, and so many that a
/// broadcaster reads as much as it can at once.
const WINDOW: u64 = 1_000;
const BACKLOG_WINDOW: u64 = 20_000;
const WARM_UP: Duration = Duration::from_millis(100);
const WARM_UP_WINDOW: u64 = 100;

/// Events of an entry, how far the publisher may be ahead, and the names of both comparisons.
const CASES: [(u64, u64, &str, &str); 3] = [
    (1, WINDOW, "an event an entry", "an event an entry, to as many clients"),
    (100, WINDOW, "100 events an entry", "100 events an entry, to as many clients"),
    (100, BACKLOG_WINDOW, "100 events an entry, far ahead", "100 events an entry, far ahead, to as many clients"),
];

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Setup {
    name: &'static str,
    nodes: usize,
    has_broker: bool,
    clients: usize,
}

const ALONE: Setup = Setup { name: "alone, 1,000 clients", nodes: 1, has_broker: false, clients: CLIENTS };
const ALONE_WITH_ALL: Setup = Setup { name: "alone, 3,000 clients", clients: NODES * CLIENTS, ..ALONE };
const THREE_ALONE: Setup =
    Setup { name: "three alone, 1,000 clients each", nodes: NODES, clients: NODES * CLIENTS, ..ALONE };
const NODE: Setup = Setup { name: "one and Redis, 1,000 clients", has_broker: true, ..ALONE };
const ALL_NODES: Setup =
    Setup { name: "three and Redis, 1,000 clients each", nodes: NODES, clients: NODES * CLIENTS, ..NODE };

pub(in crate::suites) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let Some(program) = &plan.peers.redis_server else { return Ok(not_measured(TITLE, METRICS)) };
    let mut section = Section::new(
        TITLE,
        &format!(
            "Events of {BYTES} B for everybody, as many as go, at most {WINDOW} ahead of the slowest client, or \
             {BACKLOG_WINDOW}, for {:?} a round; all are queued at one broadcaster, in tmpfs, and at each of the \
             three that are alone. Broadcasters and Redis share one core. Ratios to one that is alone, with as many \
             clients as one of the three, and with as many as all.",
            plan.load_time()
        ),
        METRICS,
    );
    for (per_entry, window, case, all_case) in CASES {
        for _ in 0..plan.rounds {
            let setups = [ALONE, ALONE_WITH_ALL, THREE_ALONE, NODE, ALL_NODES].into_iter();
            for setup in setups.filter(|setup| plan.has_load(&format!("{case}, {}", setup.name))) {
                let values = run(plan, program, setup, per_entry, window).with_context(|| setup.name)?;
                let against = |other: Setup| (setup.name != other.name).then_some(other.name);
                section.add(case, setup.name, against(ALONE), &values);
                if setup.clients == ALL_NODES.clients {
                    section.add(all_case, setup.name, against(ALONE_WITH_ALL), &values);
                }
            }
        }
    }
    // They took turns. In the table the rows of a case stand together.
    section
        .rows
        .sort_by_key(|row| CASES.iter().position(|(_, _, case, _)| *case == row.case).map_or((1, 0), |at| (0, at)));
    Ok(section)
}

fn run(plan: &Plan, program: &str, setup: Setup, per_entry: u64, window: u64) -> anyhow::Result<[f64; 4]> {
    let home = in_memory()?;
    let redis = setup.has_broker.then(|| server::start(plan.cores, program, home.path())).transpose()?;
    let nodes = Nodes::start(plan, redis.as_ref(), setup.nodes)?;
    let mut swarm = nodes.connect(setup.clients)?;
    let mut publisher = nodes.publisher(BYTES).in_entries_of(per_entry);
    let flood = |swarm: &mut Swarm, publisher: &mut Publisher, window, time| -> anyhow::Result<Delivered> {
        workload::flood(&nodes.server, swarm, publisher, window, time)
    };
    flood(&mut swarm, &mut publisher, WARM_UP_WINDOW, WARM_UP)?;
    let cpu = redis.as_ref().map(Process::cpu_secs).transpose()?;
    let delivered = flood(&mut swarm, &mut publisher, window, plan.load_time())?;
    let events = delivered.messages as f64;
    let redis_cpu = match (&redis, cpu) {
        (Some(redis), Some(cpu)) => (redis.cpu_secs()? - cpu) / events,
        _ => f64::NAN,
    };
    Ok([1e6 / delivered.cpu_per_million(), delivered.per_sec(), delivered.cpu_secs / events, redis_cpu])
}
