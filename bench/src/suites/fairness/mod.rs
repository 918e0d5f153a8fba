//! What clients with much to read, or slow ones, cost the others.

mod backlog;
mod big_channel;
mod slow_readers;

use std::time::Duration;

use crate::report::{Metric, Section};
use crate::suites::Plan;

const METRICS: &[Metric] = &[
    Metric { name: "p50, ms", unit: 1.0 },
    Metric { name: "p99, ms", unit: 1.0 },
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "good clients disconnected", unit: 1.0 },
    Metric { name: "slow clients disconnected", unit: 1.0 },
];
/// How often it is looked whether something has happened.
const INTERVAL: Duration = Duration::from_millis(10);

/// The values of a row: those of the metrics that were measured.
#[derive(Debug, Clone, Copy)]
struct Figures {
    p50: f64,
    p99: f64,
    per_sec: f64,
    good_lost: f64,
    slow_lost: f64,
}

impl Figures {
    const NONE: Figures =
        Figures { p50: f64::NAN, p99: f64::NAN, per_sec: f64::NAN, good_lost: f64::NAN, slow_lost: f64::NAN };

    fn add_to(self, section: &mut Section, case: &str, subject: &'static str, against: Option<&'static str>) {
        let Figures { p50, p99, per_sec, good_lost, slow_lost } = self;
        section.add(case, subject, against, &[p50, p99, per_sec, good_lost, slow_lost]);
    }
}

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new("Fairness between channels", "", METRICS);
    let notes = [
        big_channel::measure(plan, &mut section)?,
        slow_readers::measure(plan, &mut section)?,
        backlog::measure(plan, &mut section)?,
    ];
    section.note = notes.join(" ");
    Ok(section)
}
