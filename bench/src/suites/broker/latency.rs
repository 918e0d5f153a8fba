//! How much later clients have an event that comes by a stream, in round trips to Redis.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Nodes, not_measured};
use crate::machine::{Cores, monotonic_nanos};
use crate::process::Process;
use crate::redis as server;
use crate::report::{Metric, Section};
use crate::stats::percentile_ms;
use crate::suites::{Plan, in_memory};
use crate::workload;

const TITLE: &str = "Latency by a stream";
const METRICS: &[Metric] = &[
    Metric { name: "p50, ms", unit: 1.0 },
    Metric { name: "p95, ms", unit: 1.0 },
    Metric { name: "p99, ms", unit: 1.0 },
    Metric { name: "round trip, ms", unit: 1.0 },
    Metric { name: "p50 added, round trips", unit: 1.0 },
    Metric { name: "round trip without pauses, ms", unit: 1.0 },
];
const BYTES: usize = 100;
/// Between two events, and between two round trips: a machine that was idle needs longer for both.
const INTERVAL: Duration = Duration::from_millis(20);
const WITHOUT: &str = "without a broker";
const WITH: &str = "with a broker, Redis on the same core";
const WITH_OTHER_CORE: &str = "with a broker, Redis on the core of the load";

pub(in crate::suites) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let Some(program) = &plan.peers.redis_server else { return Ok(not_measured(TITLE, METRICS)) };
    let messages = plan.pick(50, 250);
    let mut section = Section::new(
        TITLE,
        &format!(
            "From the producer's call to each client that has read the message, {messages} messages of {BYTES} B, \
             one each {INTERVAL:?}, queue on tmpfs, one broadcaster. Round trip: the median of as many PINGs at the \
             same rate from the broadcaster's core, and of those without pauses."
        ),
        METRICS,
    );
    for (clients, case) in [(1, "1 client"), (1_000, "1,000 clients")] {
        if !plan.has_load(case) {
            continue;
        }
        for _ in 0..plan.rounds {
            let without = latencies(plan, None, clients, messages).context(WITHOUT)?;
            section.add(case, WITHOUT, None, &[without[0], without[1], without[2], f64::NAN, f64::NAN, f64::NAN]);
            for (name, core) in [(WITH, plan.cores.server), (WITH_OTHER_CORE, plan.cores.load)] {
                let home = in_memory()?;
                let redis = server::start(Cores { server: core, ..plan.cores }, program, home.path())?;
                let with = latencies(plan, Some(&redis), clients, messages).context(name)?;
                let round_trip = round_trip(plan.cores, &redis, messages, INTERVAL)?;
                let added = (with[0] - without[0]) / round_trip;
                let without_pauses = round_trip_without_pauses(plan.cores, &redis)?;
                let values = [with[0], with[1], with[2], round_trip, added, without_pauses];
                section.add(case, name, Some(WITHOUT), &values);
            }
        }
    }
    Ok(section)
}

/// At p50, p95 and p99.
fn latencies(plan: &Plan, redis: Option<&Process>, clients: usize, messages: u64) -> anyhow::Result<[f64; 3]> {
    let nodes = Nodes::start(plan, redis, 1)?;
    let mut swarm = nodes.connect(clients)?;
    let mut publisher = nodes.publisher(BYTES);
    // What is made only once.
    workload::steady(&mut swarm, &mut publisher, INTERVAL, 10)?;
    let mut latencies = workload::steady(&mut swarm, &mut publisher, INTERVAL, messages)?;
    Ok([0.5, 0.95, 0.99].map(|part| percentile_ms(&mut latencies, part)))
}

fn round_trip_without_pauses(cores: Cores, redis: &Process) -> anyhow::Result<f64> {
    round_trip(cores, redis, 1_000, Duration::ZERO)
}

/// The median of so many, in milliseconds.
fn round_trip(cores: Cores, redis: &Process, count: u64, interval: Duration) -> anyhow::Result<f64> {
    cores.on_server(|| {
        let mut connection = server::connect(redis)?;
        let start = monotonic_nanos();
        let ping = |number: u64| -> anyhow::Result<u64> {
            let due = start + number * interval.as_nanos() as u64;
            std::thread::sleep(Duration::from_nanos(due.saturating_sub(monotonic_nanos())));
            let begun = Instant::now();
            redis::cmd("PING").exec(&mut connection)?;
            Ok(begun.elapsed().as_nanos() as u64)
        };
        let mut times = (0..count).map(ping).collect::<anyhow::Result<Vec<u64>>>()?;
        Ok(percentile_ms(&mut times, 0.5))
    })
}
