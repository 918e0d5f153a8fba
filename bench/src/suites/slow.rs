//! What clients that do not read cost the others.

use std::time::Duration;

use super::Plan;
use super::subject::Subject;
use crate::report::{Metric, Section};
use crate::sockets::held_by_kernel;
use crate::workload;

const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s to the 900", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "MB published", unit: 1e6 },
    Metric { name: "MB that the kernel holds for each that does not read", unit: 1e6 },
];
const READERS: usize = 900;
const SILENT: usize = 100;
const WINDOW: u64 = 1_000;
const BYTES: usize = 1_000;

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Clients that do not read",
        "Batches of 1,000 B to 900 clients, alone and with 100 more that never read, our broadcaster. Ratios to the 900 \
         alone. Only if more was published than the kernel holds for a client was that client in anybody's way.",
        METRICS,
    );
    // Long enough for several times what the kernel holds.
    let duration = plan.pick(Duration::from_secs(8), Duration::from_secs(15));
    for _ in 0..plan.rounds.min(plan.pick(1, 3)) {
        for (silent, name, against) in
            [(0, "900 that read", None), (SILENT, "and 100 that do not", Some("900 that read"))]
        {
            let started = Subject::Broadcaster.start(plan)?;
            let (mut swarm, _) = started.connect(READERS + silent)?;
            swarm.silence(silent);
            let mut publisher = started.publisher(BYTES)?;
            let delivered = workload::flood(&started.server, &mut swarm, &mut publisher, WINDOW, duration)?;
            let published = delivered.messages * BYTES as u64;
            // The clients that read have read everything: the kernel holds the rest for the others.
            let held = held_by_kernel(started.server.address.port())? / silent.max(1) as u64;
            let values = [delivered.per_sec(), delivered.cpu_per_million(), published as f64, held as f64];
            section.add("1,000 clients", name, against, &values);
        }
    }
    Ok(section)
}
