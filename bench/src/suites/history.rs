//! What it costs to keep history while everything goes well: the same server with and without.

use std::time::Duration;

use anyhow::Context;

use super::Plan;
use super::subject::Subject;
use crate::channels::Channels;
use crate::client::Manner;
use crate::report::{Metric, Section};
use crate::workload;

const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "CPU µs per message", unit: 1e-6 },
];
const BYTES: usize = 150;
/// Messages that the publisher may be ahead of the slowest client, and of those how many for each channel at least.
const WINDOW: u64 = 1_000;
const WINDOW_OF_CHANNEL: u64 = 10;
const WARM_UP: Duration = Duration::from_millis(200);

/// Clients, what they have, and the name in the table.
const CASES: [(&str, usize, Option<Channels>); 4] = [
    ("100 clients", 100, None),
    ("1,000 clients", 1_000, None),
    ("5,000 clients", 5_000, None),
    ("1,000 channels of one client", 1_000, Some(Channels { first: 0, count: 1_000, each: 1 })),
];
const BATCHES: &str = "batches";
const ONE_AT_A_TIME: &str = "one at a time";

const WITHOUT: &str = "without history";
const WITH: &str = "with history";

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "What history costs",
        &format!(
            "{BYTES} B, for {:?} a round; batches: as many messages as go, at most {WINDOW} ahead of the slowest client, or \
             {WINDOW_OF_CHANNEL} of every channel. With the defaults of history, and without (`history_events = 0`): one \
             directly after the other, in each round the other first. The broadcaster has its queue in memory and the history log \
             on the disk; our hub alone has no log.",
            plan.load_time()
        ),
        METRICS,
    );
    for subject in [Subject::Broadcaster, Subject::Hub] {
        for (case, clients, channels) in CASES {
            for load in [BATCHES, ONE_AT_A_TIME] {
                // More clients change nothing there.
                if load == ONE_AT_A_TIME && clients != 1_000 {
                    continue;
                }
                let case = format!("{}, {case}, {load}", subject.name());
                if !plan.has_load(&case) {
                    continue;
                }
                let mut pair = [WITHOUT, WITH];
                for _ in 0..plan.rounds {
                    for name in pair {
                        let values = run(plan, subject, name, (clients, channels), load)
                            .with_context(|| format!("{case}, {name}"))?;
                        section.add(&case, name, (name == WITH).then_some(WITHOUT), &values);
                    }
                    pair.reverse();
                }
            }
        }
    }
    Ok(section)
}

fn run(
    plan: &Plan,
    subject: Subject,
    name: &str,
    (clients, channels): (usize, Option<Channels>),
    load: &str,
) -> anyhow::Result<[f64; 3]> {
    let disk = plan.on_disk()?;
    let log = disk.path().join("history");
    let log = log.to_str().context("a path that is no text")?;
    let flags = if name == WITH { &["--history-dir", log][..] } else { &[] };
    let started = subject.start_with_history(plan, (name == WITHOUT).then_some(0), flags)?;
    let mut swarm = started.connect_as(Manner { channels, ..Manner::default() }, clients)?;
    let mut publisher = started.publisher(BYTES)?;
    if let Some(channels) = channels {
        publisher = publisher.for_channels(channels);
    }
    let window = WINDOW.max(channels.map_or(0, |channels| channels.count * WINDOW_OF_CHANNEL));
    workload::flood(&started.server, &mut swarm, &mut publisher, window / 10, WARM_UP)?;
    let delivered = match load {
        ONE_AT_A_TIME => workload::one_at_a_time(&started.server, &mut swarm, &mut publisher, plan.load_time())?,
        _ => workload::flood(&started.server, &mut swarm, &mut publisher, window, plan.load_time())?,
    };
    drop(started);
    plan.keep(disk);
    let per_message = delivered.cpu_secs / delivered.messages as f64;
    Ok([delivered.per_sec(), delivered.cpu_per_million(), per_message])
}
