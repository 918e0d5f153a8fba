//! What one `queueEvent` costs in a tight loop, beside the PHP code that it replaces.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::Plan;
use crate::machine::{Cores, file_system};
use crate::process::Process;
use crate::redis;
use crate::report::{Metric, Section};

/// The variants of `php/variants.php`, and how tables name them.
const VARIANTS: [(&str, &str); 6] = [
    ("original", "original PHP"),
    ("rename", "PHP, temporary file and rename"),
    ("native", "extension"),
    ("journal", "extension, journal"),
    (BATCH, "extension, journal, batches of 100"),
    (XADD, "phpredis, `XADD`"),
];
/// A request queues one event.
pub(super) const BATCH: &str = "batch";
const XADD: &str = "xadd";

const METRICS: &[Metric] =
    &[Metric { name: "µs per event", unit: 1e3 }, Metric { name: "µs of CPU per event", unit: 1e3 }];

/// Nanoseconds per event of every round.
#[derive(Debug, Deserialize)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// The variants that can be measured here, and the Redis of one of them.
pub(super) struct Variants {
    pub(super) all: Vec<(&'static str, &'static str)>,
    redis: Option<(Process, TempDir)>,
}

impl Variants {
    /// All but one of phpredis, unless that is installed, and a Redis.
    pub(super) fn new(plan: &Plan) -> anyhow::Result<Variants> {
        let mut php = Command::new(&plan.php);
        php.arg("-n").args(PHPREDIS).args(["-r", "exit(class_exists('Redis') ? 0 : 1);"]);
        let has_phpredis =
            php.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        let redis = match &plan.peers.redis_server {
            Some(program) if has_phpredis => {
                let home = super::in_memory()?;
                Some((redis::start(plan.cores, program, home.path())?, home))
            }
            _ => None,
        };
        let all = VARIANTS.into_iter().filter(|(variant, _)| *variant != XADD || redis.is_some()).collect();
        Ok(Variants { all, redis })
    }

    /// Lets PHP use the extension, and phpredis.
    pub(super) fn extend(&self, plan: &Plan, php: &mut Command) {
        php.arg("-d").arg(format!("extension={}", plan.extension.display()));
        if let Some((redis, _)) = &self.redis {
            php.args(PHPREDIS).env("REDIS_PORT", redis.address.port().to_string());
        }
    }

    /// What is not measured, for the end of the table's text.
    pub(super) fn note(&self) -> &'static str {
        let missing = " Without phpredis: its extension or redis-server is not installed.";
        if self.redis.is_some() { "" } else { missing }
    }
}

/// Debian's phpredis needs igbinary; where it is not there, that is only a warning.
const PHPREDIS: [&str; 6] = ["-d", "display_startup_errors=0", "-d", "extension=igbinary", "-d", "extension=redis"];

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let events = plan.pick(2_000, 3_000);
    let mut section = Section::new(
        "queueEvent in a loop",
        &format!("One PHP process, {events} events a round, about 200 bytes of payload. Ratios to the original PHP."),
        METRICS,
    );
    let variants = Variants::new(plan)?;
    section.note.push_str(variants.note());
    for directory in [super::in_memory()?, plan.on_disk()?] {
        let case = file_system(directory.path())?;
        let rounds = plan.rounds * 2;
        let output = Cores::on_server(plan.cores, || {
            let mut php = Command::new(&plan.php);
            php.arg("-n");
            variants.extend(plan, &mut php);
            php.arg(plan.scripts.join("loop.php"))
                .arg(directory.path())
                .args([rounds.to_string(), events.to_string()])
                .args(variants.all.iter().map(|(variant, _)| variant))
                .stderr(Stdio::inherit())
                .output()
                .with_context(|| format!("cannot run {}", plan.php))
        })?;
        ensure!(output.status.success(), "loop.php failed");
        let times: BTreeMap<String, Times> =
            serde_json::from_slice(&output.stdout).context("loop.php printed no times")?;
        for round in 0..rounds {
            for &(variant, name) in &variants.all {
                let times = times.get(variant).context("a variant is missing")?;
                let against = (variant != "original").then_some(VARIANTS[0].1);
                section.add(&case, name, against, &[times.wall[round], times.cpu[round]]);
            }
        }
        plan.keep(directory);
    }
    Ok(section)
}
