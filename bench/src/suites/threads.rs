//! Several threads of the hub. If there are only two cores, they share them with the load.

use super::Plan;
use super::subject::Subject;
use crate::report::{Metric, Section};
use crate::workload;

const WINDOW: u64 = 1_000;
/// Messages of each client that fit into the kernel's buffers at once.
const BURST: u64 = 400;
const BYTES: usize = 100;
/// A text of 100 B and its header.
const FRAME_BYTES: usize = BYTES + 2;
const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "cores that the server kept busy", unit: 1.0 },
    Metric { name: "cores that the load kept busy", unit: 1.0 },
];
/// How many threads, and their name in the table.
const THREADS: [(usize, &str); 2] = [(1, ONE), (2, "2 threads of the hub")];
const ONE: &str = "1 thread of the hub";

/// What the clients do with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Checks,
    Counts,
    Sleeps,
}

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let clients = plan.pick(1_000, 5_000);
    let mut section = Section::new(
        "Threads of the hub",
        &format!(
            "{clients} clients, batches of {BYTES} B, at most {WINDOW} messages ahead of the slowest client, for {:?} a round. \
             Unlike elsewhere the server may use the core of the load, too. Where the load only counts bytes, it lets the \
             kernel throw them away without a copy (MSG_TRUNC), and leaves more of that core. Where nobody reads meanwhile, \
             it publishes {BURST} messages, sleeps until all are written, and the clients read them outside of the time.",
            plan.load_time()
        ),
        METRICS,
    );
    for (subject, habit, case) in [
        (Subject::Broadcaster, Habit::Checks, "broadcaster, the load checks every message"),
        (Subject::Broadcaster, Habit::Counts, "broadcaster, the load counts bytes"),
        (Subject::Hub, Habit::Counts, "our hub, TCP, the load counts bytes"),
        (Subject::Broadcaster, Habit::Sleeps, "broadcaster, nobody reads meanwhile"),
    ] {
        for _ in 0..plan.rounds {
            for (threads, name) in THREADS {
                let started = subject.start_threads(plan, threads)?;
                let (mut swarm, _) = started.connect(clients)?;
                if habit != Habit::Checks {
                    swarm.reading.discard(FRAME_BYTES);
                }
                let mut publisher = started.publisher(BYTES)?;
                let (server, time) = (&started.server, plan.load_time());
                let delivered = match habit {
                    Habit::Sleeps => workload::bursts(server, &mut swarm, &mut publisher, BURST, time)?,
                    _ => workload::flood(server, &mut swarm, &mut publisher, WINDOW, time)?,
                };
                let busy = |cpu_secs: f64| cpu_secs / delivered.secs;
                let values = [
                    delivered.per_sec(),
                    delivered.cpu_per_million(),
                    busy(delivered.cpu_secs),
                    busy(delivered.load_cpu_secs),
                ];
                section.add(case, name, (name != ONE).then_some(ONE), &values);
            }
        }
    }
    Ok(section)
}
