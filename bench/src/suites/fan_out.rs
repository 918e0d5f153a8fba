//! Messages to many clients: as many as go, and one at a time.

use super::Plan;
use super::subject::Subject;
use crate::report::{Metric, Section};
use crate::workload::{self, Delivered};

/// Messages that a publisher may be ahead of the slowest client.
const WINDOW: u64 = 1_000;
/// The same for a server that writes every message alone: it gains nothing by more, and would need minutes to catch up.
const WINDOW_WITHOUT_BATCHES: u64 = 50;

const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "CPU µs per message", unit: 1e-6 },
];

/// As many messages as go.
pub(crate) fn batches(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Batches",
        &format!(
            "As many messages as go, at most {WINDOW} ahead of the slowest client ({WINDOW_WITHOUT_BATCHES} for the server \
             that writes each alone), for {:?} a round. Ratios to the reference that is fed in the same way.",
            plan.load_time()
        ),
        METRICS,
    );
    let cases: &[(usize, usize)] = plan.pick(
        &[(100, 100), (1_000, 100), (1_000, 1_000)],
        &[(100, 100), (1_000, 100), (5_000, 100), (100, 1_000), (1_000, 1_000), (5_000, 1_000)],
    );
    for (clients, bytes) in cases {
        let case = format!("{clients} clients, {bytes} B");
        for _ in 0..plan.rounds {
            for subject in Subject::all(plan) {
                let started = subject.start(plan)?;
                let (mut swarm, _) = started.connect(*clients)?;
                let mut publisher = started.publisher(*bytes)?;
                let delivered = workload::flood(&started.server, &mut swarm, &mut publisher, WINDOW, plan.load_time())?;
                add(&mut section, &case, subject, delivered);
            }
        }
    }
    Ok(section)
}

/// The next message when all clients have the one before.
pub(crate) fn singles(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "One message at a time",
        "The next message is published when all clients have the one before. Ratios to the reference that is fed in the \
         same way.",
        METRICS,
    );
    let clients = 1_000;
    for _ in 0..plan.rounds {
        for subject in Subject::all(plan) {
            let started = subject.start(plan)?;
            let (mut swarm, _) = started.connect(clients)?;
            let mut publisher = started.publisher(100)?;
            let delivered = workload::one_at_a_time(&started.server, &mut swarm, &mut publisher, plan.load_time())?;
            add(&mut section, &format!("{clients} clients, 100 B"), subject, delivered);
        }
    }
    Ok(section)
}

fn add(section: &mut Section, case: &str, subject: Subject, delivered: Delivered) {
    let per_message = delivered.cpu_secs / delivered.messages as f64;
    let values = [delivered.per_sec(), delivered.cpu_per_million(), per_message];
    section.add(case, subject.name(), subject.against(), &values);
}
