//! What clients cost that only stay connected: memory, CPU, and the time to connect.

use std::time::Duration;

use queue::JournalWriter;

use super::Plan;
use super::subject::{Started, Subject};
use crate::machine::possible_connections;
use crate::message;
use crate::publisher::append;
use crate::report::{Metric, Section};

const METRICS: &[Metric] = &[
    Metric { name: "bytes per connection", unit: 1.0 },
    Metric { name: "CPU ms per idle second", unit: 1e-3 },
    Metric { name: "connections accepted/s", unit: 1.0 },
    Metric { name: "CPU µs per connection", unit: 1e-6 },
];
/// Time in which a server becomes idle.
const SETTLE: Duration = Duration::from_secs(1);
/// More than one process can usually have.
const MANY: usize = 50_000;

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let clients = possible_connections().min(plan.pick(2_000, 10_000));
    let mut section = Section::new(
        "Idle connections",
        "Private memory of the process per connection, beyond what it has without any; CPU of all idle connections \
         together.",
        METRICS,
    );
    for _ in 0..plan.rounds.min(3) {
        for subject in Subject::fed_by_queue(plan).into_iter().chain([Subject::Naive]) {
            let started = subject.start(plan)?;
            let values = cost(plan, &started, clients, Started::connect)?;
            let against = (subject != Subject::ReferenceQueue).then_some(Subject::ReferenceQueue.name());
            section.add(&format!("{clients} clients"), subject.name(), against, &values);
        }
        if plan.full {
            let subject = Subject::Broadcaster;
            let values = cost(plan, &subject.start_for(plan, MANY)?, MANY, Started::connect_crowd)?;
            let processes = MANY.div_ceil(possible_connections());
            section.add(&format!("{MANY} clients, {processes} processes"), subject.name(), None, &values);
        }
    }
    Ok(section)
}

/// Producers that have appended something and wait: a segment of the journal each.
const PRODUCERS: [usize; 3] = [0, 100, 1_000];
const JOURNAL_METRICS: &[Metric] = &[Metric { name: "CPU ms per idle second", unit: 1e-3 }];

/// What a journal costs in which nothing happens.
pub(super) fn journal(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Idle producers",
        "CPU of the broadcaster while producers have segments of the journal open and append nothing.",
        JOURNAL_METRICS,
    );
    for _ in 0..plan.rounds.min(3) {
        for producers in PRODUCERS {
            let started = Subject::Journal.start(plan)?;
            let mut writers: Vec<JournalWriter> = (0..producers).map(|_| JournalWriter::new()).collect();
            for writer in &mut writers {
                append(writer, started.queues[0].path(), &message::payload_json(0, 100), None)?;
            }
            // Until what they have appended is read, and what is done soon after that.
            std::thread::sleep(SETTLE);
            let idle = plan.pick(Duration::from_secs(2), Duration::from_secs(5));
            let cpu = started.server.cpu_secs()?;
            std::thread::sleep(idle);
            let idling = (started.server.cpu_secs()? - cpu) / idle.as_secs_f64();
            section.add(&format!("{producers} producers"), Subject::Journal.name(), None, &[idling]);
        }
    }
    Ok(section)
}

/// What clients cost a server, in the order of the metrics.
fn cost<C>(
    plan: &Plan,
    started: &Started,
    clients: usize,
    connect: fn(&Started, usize) -> anyhow::Result<(C, f64)>,
) -> anyhow::Result<[f64; 4]> {
    let (server, idle) = (&started.server, plan.pick(Duration::from_secs(1), Duration::from_secs(3)));
    // With the first clients a server makes what it makes only once.
    let (_first, _) = started.connect(10)?;
    let (memory, cpu) = (server.private_bytes()?, server.cpu_secs()?);
    let (_clients, secs) = connect(started, clients)?;
    let accepting = server.cpu_secs()? - cpu;
    let (memory, cpu) = (server.private_bytes()?.saturating_sub(memory), server.cpu_secs()?);
    std::thread::sleep(idle);
    let idling = (server.cpu_secs()? - cpu) / idle.as_secs_f64();
    let each = clients as f64;
    Ok([memory as f64 / each, idling, each / secs, accepting / each])
}
