//! What a handler in PHP costs: an echo in PHP beside the same in Rust, both on the server library.

use super::Plan;
use crate::client::Manner;
use crate::process::{Options, Process};
use crate::report::{Metric, Section};
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};
use crate::workload;

const METRICS: &[Metric] = &[
    Metric { name: "thousand echoes/s", unit: 1e3 },
    Metric { name: "CPU µs per echo", unit: 1.0 },
    Metric { name: "p50, ms", unit: 1.0 },
    Metric { name: "p99, ms", unit: 1.0 },
];
const CONNECTIONS: [usize; 2] = [20, 200];
const BYTES: usize = 100;
const RUST: &str = "Rust";
const PHP: &str = "PHP handler";

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let duration = plan.load_time();
    let mut section = Section::new(
        "Echo",
        &format!(
            "Every client sends {BYTES} B, waits for them to come back, and sends again, for {duration:?} a round. A loop of \
             read() and send() in PHP, and an application in Rust on the same server library, each on one core. Ratios to Rust."
        ),
        METRICS,
    );
    for _ in 0..plan.rounds {
        for connections in CONNECTIONS {
            for (subject, against) in [(RUST, None), (PHP, Some(RUST))] {
                let server = match subject {
                    PHP => Process::php(plan.cores, &plan.php, &plan.extension, &plan.scripts.join("echo.php"))?,
                    _ => Process::own(Options::default(), plan.cores, "echo", None)?,
                };
                let mut swarm = Swarm::connect(server.address, Manner::default(), connections, CONCURRENT_HANDSHAKES)?;
                let (echoed, p50, p99) = workload::converse(&server, &mut swarm, BYTES, duration)?;
                let values = [echoed.per_sec(), echoed.cpu_per_million(), p50, p99];
                section.add(&format!("{connections} connections"), subject, against, &values);
            }
        }
    }
    Ok(section)
}
