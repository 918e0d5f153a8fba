//! Three broadcasters over one Redis beside three processes of servers that others use for the same.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;

use super::{Nodes, not_measured};
use crate::client::Manner;
use crate::lanes::{LANES, Protocol};
use crate::peers;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::redis as server;
use crate::report::{Metric, Section};
use crate::suites::{Plan, in_memory};
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};
use crate::workload::{self, Delivered};

const TITLE: &str = "Peers over one Redis";
const METRICS: &[Metric] = &[
    Metric { name: "events/s", unit: 1.0 },
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "CPU µs per event, Redis", unit: 1e-6 },
];
const PROCESSES: usize = 3;
/// Of each process.
const CLIENTS: usize = 500;
const BYTES: usize = 100;
/// Messages that the publisher may be ahead of the slowest client.
const WINDOW: u64 = 1_000;
/// Time before the measurement, in which servers with a JIT compiler compile.
const WARM_UP: Duration = Duration::from_millis(200);
const WARM_UP_WINDOW: u64 = 100;

const LOADS: [&str; 2] = ["as many as go", ONE_AT_A_TIME];
const ONE_AT_A_TIME: &str = "one at a time";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Ours,
    Node,
    Sockudo,
}

/// Processes of one kind, with clients at each of them.
struct Running {
    swarm: Swarm,
    publisher: Publisher,
    /// All of them.
    server: Process,
    redis: Process,
    /// What is removed at the end.
    _homes: Vec<tempfile::TempDir>,
}

impl Subject {
    const ALL: [Subject; 3] = [Subject::Ours, Subject::Node, Subject::Sockudo];

    fn name(self) -> &'static str {
        match self {
            Subject::Ours => "three of fastapi-broadcaster",
            Subject::Node => "three of Node with ws, Redis pub/sub",
            Subject::Sockudo => "three of Sockudo, its Redis adapter",
        }
    }

    /// None if it is not installed.
    fn start(self, plan: &Plan, redis: &str) -> anyhow::Result<Option<Running>> {
        let home = in_memory()?;
        let redis = server::start(plan.cores, redis, home.path())?;
        let running = match self {
            Subject::Ours => {
                let nodes = Nodes::start(plan, Some(&redis), PROCESSES)?;
                let (swarm, publisher) = (nodes.connect(PROCESSES * CLIENTS)?, nodes.publisher(BYTES));
                let homes = nodes.queues.into_iter().chain([home]).collect();
                Running { swarm, publisher, server: nodes.server, redis, _homes: homes }
            }
            Subject::Node => {
                let mut processes = Vec::new();
                for _ in 0..PROCESSES {
                    let Some(mut node) = plan.peers.ws() else { return Ok(None) };
                    node.arg(redis.address.port().to_string());
                    processes.push(Process::announced(plan.cores, &mut node)?);
                }
                let manner = Manner { lanes: LANES, ..Manner::default() };
                let swarm = connect(&processes, manner)?;
                let publisher = Publisher::to_foreign(redis.address, Protocol::Redis, BYTES)?;
                Running { swarm, publisher, server: together(processes)?, redis, _homes: vec![home] }
            }
            Subject::Sockudo => {
                let mut processes = Vec::new();
                for _ in 0..PROCESSES {
                    let Some(process) = peers::sockudo(plan.cores, &plan.peers, Some(&redis), home.path())? else {
                        return Ok(None);
                    };
                    processes.push(process);
                }
                let swarm = connect(&processes, Manner { lanes: LANES, pusher: true, ..Manner::default() })?;
                let publisher = Publisher::to_foreign(processes[0].address, Protocol::Pusher, BYTES)?;
                Running { swarm, publisher, server: together(processes)?, redis, _homes: vec![home] }
            }
        };
        Ok(Some(running))
    }
}

pub(in crate::suites) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let Some(program) = &plan.peers.redis_server else { return Ok(not_measured(TITLE, METRICS)) };
    let mut section = Section::new(
        TITLE,
        &format!(
            "{PROCESSES} processes of {CLIENTS} clients, {BYTES} B, for {:?} a round; at most {WINDOW} messages \
             ahead of the slowest client. Ours have their events from the queue directory of one of them, in memory; \
             Node over {LANES} connections to Redis, Sockudo by POST requests to one of them, {LANES} at a time. All \
             of them and Redis share one core. CPU of the processes, without Redis. Ratios to ours.",
            plan.load_time()
        ),
        METRICS,
    );
    let mut missing = Vec::new();
    for load in LOADS.into_iter().filter(|load| plan.has_load(load)) {
        for _ in 0..plan.rounds {
            for subject in Subject::ALL {
                let Some(running) = subject.start(plan, program).with_context(|| subject.name())? else {
                    if !missing.contains(&subject.name()) {
                        missing.push(subject.name());
                    }
                    continue;
                };
                let values = run(plan, running, load).with_context(|| subject.name())?;
                section.add(load, subject.name(), (subject != Subject::Ours).then_some(Subject::Ours.name()), &values);
            }
        }
    }
    if !missing.is_empty() {
        section.note += &format!(" Not installed: {}.", missing.join(", "));
    }
    Ok(section)
}

fn run(plan: &Plan, mut running: Running, load: &str) -> anyhow::Result<[f64; 4]> {
    let Running { server, redis, swarm, publisher, .. } = &mut running;
    workload::flood(server, swarm, publisher, WARM_UP_WINDOW, WARM_UP)?;
    let cpu = redis.cpu_secs()?;
    let delivered: Delivered = match load {
        ONE_AT_A_TIME => workload::one_at_a_time(server, swarm, publisher, plan.load_time())?,
        _ => workload::flood(server, swarm, publisher, WINDOW, plan.load_time())?,
    };
    let (events, redis_cpu) = (delivered.messages as f64, redis.cpu_secs()? - cpu);
    Ok([events / delivered.secs, delivered.per_sec(), delivered.cpu_per_million(), redis_cpu / events])
}

fn connect(processes: &[Process], manner: Manner) -> anyhow::Result<Swarm> {
    let addresses: Vec<SocketAddr> = processes.iter().map(|process| process.address).collect();
    Swarm::connect_to(&addresses, manner, PROCESSES * CLIENTS, CONCURRENT_HANDSHAKES)
}

fn together(processes: Vec<Process>) -> anyhow::Result<Process> {
    processes.into_iter().reduce(Process::beside).context("no processes")
}
