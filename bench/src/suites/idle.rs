//! What clients cost that are only there: memory, CPU, and the time to let them in.

use std::time::Duration;

use super::Plan;
use super::subject::Subject;
use crate::machine;
use crate::report::{Metric, Section};

const METRICS: &[Metric] = &[
    Metric { name: "bytes per connection", unit: 1.0 },
    Metric { name: "CPU ms per idle second", unit: 1e-3 },
    Metric { name: "connections accepted/s", unit: 1.0 },
    Metric { name: "CPU µs per connection", unit: 1e-6 },
];
/// Descriptors that a process needs beside its connections.
const SPARE_DESCRIPTORS: u64 = 100;

pub(crate) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let wanted = plan.pick(2_000, 10_000);
    let clients = wanted.min(machine::raise_open_files().saturating_sub(SPARE_DESCRIPTORS)) as usize;
    let idle = plan.pick(Duration::from_secs(1), Duration::from_secs(3));
    let mut section = Section::new(
        "Idle connections",
        "Private memory of the process per connection, beyond what it has without any; CPU of all idle connections \
         together.",
        METRICS,
    );
    for _ in 0..plan.rounds.min(3) {
        for subject in Subject::fed_by_queue(plan).into_iter().chain([Subject::Naive]) {
            let started = subject.start(plan)?;
            // The first clients wake up what a server makes only once.
            let (_first, _) = started.connect(10)?;
            let (memory, cpu) = (started.server.private_bytes()?, started.server.cpu_secs()?);
            let (_swarm, secs) = started.connect(clients)?;
            let accepting = started.server.cpu_secs()? - cpu;
            let (memory, cpu) = (started.server.private_bytes()?.saturating_sub(memory), started.server.cpu_secs()?);
            std::thread::sleep(idle);
            let idling = (started.server.cpu_secs()? - cpu) / idle.as_secs_f64();
            let each = clients as f64;
            let values = [memory as f64 / each, idling, each / secs, accepting / each];
            let against = (subject != Subject::ReferenceQueue).then_some(Subject::ReferenceQueue.name());
            section.add(&format!("{clients} clients"), subject.name(), against, &values);
        }
    }
    Ok(section)
}
