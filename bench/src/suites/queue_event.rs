//! What one `queueEvent` costs in a tight loop, beside the PHP code that it replaces.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Plan;
use crate::machine::{Cores, file_system};
use crate::report::{Metric, Section};

/// The variants of `php/variants.php`, and how tables name them.
pub(super) const VARIANTS: [(&str, &str); 3] =
    [("original", "original PHP"), ("rename", "PHP, temporary file and rename"), ("native", "extension")];

const METRICS: &[Metric] =
    &[Metric { name: "µs per event", unit: 1e3 }, Metric { name: "µs of CPU per event", unit: 1e3 }];

/// Nanoseconds per event of every round.
#[derive(Debug, Deserialize)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let events = plan.pick(2_000, 3_000);
    let mut section = Section::new(
        "queueEvent in a loop",
        &format!("One PHP process, {events} events a round, about 200 bytes of payload. Ratios to the original PHP."),
        METRICS,
    );
    for directory in [super::in_memory()?, plan.on_disk()?] {
        let case = file_system(directory.path())?;
        let rounds = plan.rounds * 2;
        let output = Cores::on_server(plan.cores, || {
            Command::new(&plan.php)
                .args(["-n", "-d"])
                .arg(format!("extension={}", plan.extension.display()))
                .arg(plan.scripts.join("loop.php"))
                .arg(directory.path())
                .args([rounds.to_string(), events.to_string()])
                .stderr(std::process::Stdio::inherit())
                .output()
                .with_context(|| format!("cannot run {}", plan.php))
        })?;
        ensure!(output.status.success(), "loop.php failed");
        let times: BTreeMap<String, Times> =
            serde_json::from_slice(&output.stdout).context("loop.php printed no times")?;
        for round in 0..rounds {
            for (variant, name) in VARIANTS {
                let times = times.get(variant).context("a variant is missing")?;
                let against = (variant != "original").then_some(VARIANTS[0].1);
                section.add(&case, name, against, &[times.wall[round], times.cpu[round]]);
            }
        }
        plan.keep(directory);
    }
    Ok(section)
}
