//! How long it takes until clients have an event.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::Plan;
use super::subject::Subject;
use crate::report::{Metric, Section};
use crate::stats::percentile_ms;
use crate::swarm::Load;
use crate::workload;

const METRICS: &[Metric] = &[Metric { name: "p50, ms", unit: 1.0 }, Metric { name: "p99, ms", unit: 1.0 }];

/// One event at a time from a real PHP to one client.
pub(super) fn one_client(plan: &Plan) -> anyhow::Result<Section> {
    let events = plan.pick(500, 2_000);
    let mut section = Section::new(
        "Latency, one event at a time",
        &format!(
            "From the call of queueEvent in PHP to one client that has read the message; {events} events a round, one \
             every 2 ms, queue on tmpfs."
        ),
        METRICS,
    );
    for _ in 0..plan.rounds {
        for subject in Subject::fed_by_queue(plan) {
            section.add("1 client", subject.name(), subject.against(), &from_php(plan, subject, events)?);
        }
    }
    Ok(section)
}

/// The same by a file for each event, and by the journal.
pub(super) fn one_client_of_journal(plan: &Plan) -> anyhow::Result<Section> {
    let events = plan.pick(500, 2_000);
    let mut section = Section::new(
        "Latency, one event at a time, directory and journal",
        &format!(
            "From the call of queueEvent in PHP to one client that has read the message; {events} events a round, one \
             every 2 ms, queue on tmpfs. Ratios to a file for each event."
        ),
        METRICS,
    );
    let mut subjects = [Subject::Broadcaster, Subject::Journal];
    for _ in 0..plan.rounds {
        for subject in subjects {
            let against = (subject == Subject::Journal).then_some(Subject::Broadcaster.name());
            section.add("1 client", subject.name(), against, &from_php(plan, subject, events)?);
        }
        subjects.reverse();
    }
    Ok(section)
}

/// p50 and p99 in milliseconds from a real PHP to one client.
fn from_php(plan: &Plan, subject: Subject, events: u64) -> anyhow::Result<[f64; 2]> {
    let started = subject.start(plan)?;
    let (mut swarm, _) = started.connect(1)?;
    swarm.reading.tally.latencies = Some(Vec::new());
    let form = if subject == Subject::Journal { "journal" } else { "directory" };
    let mut php = Command::new(&plan.php)
        .args(["-n", "-d"])
        .arg(format!("extension={}", plan.extension.display()))
        .args(["-d", &format!("fastapi_websocket.queue={form}")])
        .arg(plan.scripts.join("spaced.php"))
        .arg(started.queues[0].path())
        .args([events.to_string(), "2000".to_owned()])
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", plan.php))?;
    let received = swarm.until_all_have(events);
    ensure!(php.wait()?.success(), "spaced.php failed");
    received?;
    let mut latencies = swarm.reading.tally.latencies.take().unwrap_or_default();
    Ok([percentile_ms(&mut latencies, 0.5), percentile_ms(&mut latencies, 0.99)])
}

/// A steady stream to many clients.
pub(super) fn many_clients(plan: &Plan) -> anyhow::Result<Section> {
    let messages = plan.pick(50, 250);
    let mut section = Section::new(
        "Latency at a steady rate",
        "From the producer's call to each client that has read the message, 50 messages of 100 B a second, queue on tmpfs.",
        METRICS,
    );
    for _ in 0..plan.rounds {
        for subject in Subject::all(plan) {
            let started = subject.start(plan)?;
            let (mut swarm, _) = started.connect(1_000)?;
            let mut publisher = started.publisher(100)?;
            let mut latencies = workload::steady(&mut swarm, &mut publisher, Duration::from_millis(20), messages)?;
            let values = [percentile_ms(&mut latencies, 0.5), percentile_ms(&mut latencies, 0.99)];
            section.add("1,000 clients", subject.name(), subject.against(), &values);
        }
    }
    Ok(section)
}
