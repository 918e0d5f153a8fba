//! What clients that do not read cost the others.

use super::Plan;
use super::subject::Subject;
use crate::report::{Metric, Section};
use crate::workload;

const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s to the 900", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
];
const READERS: usize = 900;
const SILENT: usize = 100;
const WINDOW: u64 = 1_000;

pub(crate) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Clients that do not read",
        "Batches of 100 B to 900 clients, alone and with 100 more that never read, our broadcaster. Ratios to the 900 alone.",
        METRICS,
    );
    for _ in 0..plan.rounds {
        for (silent, name, against) in
            [(0, "900 that read", None), (SILENT, "and 100 that do not", Some("900 that read"))]
        {
            let started = Subject::Broadcaster.start(plan)?;
            let (mut swarm, _) = started.connect(READERS + silent)?;
            swarm.silence(silent);
            let mut publisher = started.publisher(100)?;
            let delivered = workload::flood(&started.server, &mut swarm, &mut publisher, WINDOW, plan.load_time() * 2)?;
            section.add("1,000 clients", name, against, &[delivered.per_sec(), delivered.cpu_per_million()]);
        }
    }
    Ok(section)
}
