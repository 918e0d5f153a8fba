//! What a delivery costs by the number of clients, in several processes if there are more than the limit of open files
//! allows.

use super::Plan;
use super::subject::Subject;
use crate::machine::possible_connections;
use crate::report::{Metric, Section};
use crate::workload;

const WINDOW: u64 = 1_000;
const BYTES: usize = 100;
const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "messages published", unit: 1.0 },
];
const SUBJECTS: [Subject; 4] = [Subject::ReferenceQueue, Subject::Broadcaster, Subject::ReferenceTcp, Subject::Hub];
/// How many clients, and their name in the table.
const SIZES: [(usize, &str); 6] = [
    (1_000, FIRST),
    (100, "100 clients"),
    (5_000, "5,000 clients"),
    (10_000, "10,000 clients"),
    (15_000, "15,000 clients"),
    (50_000, "50,000 clients"),
];
/// With more clients each gets fewer messages in the same time, and the load must last for several windows.
const CLIENTS_PER_LOAD_TIME: usize = 5_000;
const FIRST: &str = "1,000 clients";

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Cost per delivery by the number of clients",
        &format!(
            "Batches of {BYTES} B, at most {WINDOW} messages ahead of the slowest client, for {:?} a round and {CLIENTS_PER_LOAD_TIME} \
             clients. More than {} are dealt out among processes that share the port, each fed for itself, and their load among \
             threads. Ratios to {FIRST} of the same server.",
            plan.load_time(),
            possible_connections()
        ),
        METRICS,
    );
    for _ in 0..plan.rounds.min(3) {
        for (clients, name) in SIZES {
            for subject in SUBJECTS {
                let started = subject.start_for(plan, clients)?;
                let (mut crowd, _) = started.connect_crowd(clients)?;
                let mut publisher = started.publisher(BYTES)?;
                let duration = plan.load_time() * clients.div_ceil(CLIENTS_PER_LOAD_TIME) as u32;
                let delivered = workload::flood(&started.server, &mut crowd, &mut publisher, WINDOW, duration)?;
                let values = [delivered.per_sec(), delivered.cpu_per_million(), delivered.messages as f64];
                section.add(subject.name(), name, (name != FIRST).then_some(FIRST), &values);
            }
        }
    }
    // They took turns. In the table the rows of a subject stand together.
    section.rows.sort_by_key(|row| SUBJECTS.iter().position(|subject| subject.name() == row.case));
    Ok(section)
}
