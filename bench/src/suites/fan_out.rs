//! Messages to many clients: as many as possible, and one at a time. For our builds and others, or for two builds only.

use anyhow::ensure;

use super::Plan;
use super::subject::Subject;
use crate::report::{Metric, Section};
use crate::workload::{self, Delivered};

/// Messages that a publisher may be ahead of the slowest client.
const WINDOW: u64 = 1_000;
/// The same for a server that writes every message alone. More would not make it faster, and it would need minutes for
/// them.
const WINDOW_WITHOUT_BATCHES: u64 = 50;

const METRICS: &[Metric] = &[
    Metric { name: "million deliveries/s", unit: 1e6 },
    Metric { name: "CPU s per million deliveries", unit: 1.0 },
    Metric { name: "CPU µs per message", unit: 1e-6 },
];

/// Clients, and bytes of a message.
const CASES: [(usize, usize); 6] =
    [(100, 100), (1_000, 100), (5_000, 100), (100, 1_000), (1_000, 1_000), (5_000, 1_000)];
/// Clients that get one message at a time.
const SINGLES_CLIENTS: usize = 1_000;
const SINGLES_BYTES: usize = 100;

/// As many messages as possible.
pub(super) fn batches(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Batches",
        &format!(
            "As many messages as go, at most {WINDOW} ahead of the slowest client ({WINDOW_WITHOUT_BATCHES} for the server \
             that writes each alone), for {:?} a round. Ratios to the reference that is fed in the same way.",
            plan.load_time()
        ),
        METRICS,
    );
    let cases: &[(usize, usize)] = plan.pick(&[(100, 100), (1_000, 100), (1_000, 1_000)], &CASES);
    for (clients, bytes) in cases {
        let case = format!("{clients} clients, {bytes} B");
        for _ in (0..plan.rounds).filter(|_| plan.has_load(&case)) {
            for subject in Subject::all(plan) {
                let delivered = flood(plan, subject, *clients, *bytes)?;
                add(&mut section, &case, subject, delivered);
            }
        }
    }
    Ok(section)
}

/// The next message when all clients have the one before.
pub(super) fn singles(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "One message at a time",
        "The next message is published when all clients have the one before. Ratios to the reference that is fed in the \
         same way.",
        METRICS,
    );
    for _ in 0..plan.rounds {
        for subject in Subject::all(plan) {
            let delivered = one_at_a_time(plan, subject)?;
            add(&mut section, &format!("{SINGLES_CLIENTS} clients, {SINGLES_BYTES} B"), subject, delivered);
        }
    }
    Ok(section)
}

/// Two builds of the broadcaster. In each round the other one begins, because a measurement leaves work in the kernel
/// that makes the next one slower.
pub(super) fn builds(plan: &Plan) -> anyhow::Result<Section> {
    ensure!(plan.other_broadcaster.is_some(), "--other-broadcaster must name the build to compare with");
    let mut section = Section::new(
        "Two builds of the broadcaster",
        &format!(
            "Batches as above, and one message at a time, for {:?} a round. Ratios to the other build.",
            plan.load_time()
        ),
        METRICS,
    );
    let mut subjects = [Subject::OtherBroadcaster, Subject::Broadcaster];
    let against = |subject| (subject == Subject::Broadcaster).then_some(Subject::OtherBroadcaster.name());
    for _ in 0..plan.rounds {
        for (clients, bytes) in CASES {
            let case = format!("{clients} clients, {bytes} B");
            for subject in subjects.into_iter().filter(|_| plan.has_load(&case)) {
                let values = values(&flood(plan, subject, clients, bytes)?);
                section.add(&case, subject.name(), against(subject), &values);
            }
        }
        let case = format!("{SINGLES_CLIENTS} clients, one at a time");
        for subject in subjects.into_iter().filter(|_| plan.has_load(&case)) {
            let values = values(&one_at_a_time(plan, subject)?);
            section.add(&case, subject.name(), against(subject), &values);
        }
        subjects.reverse();
    }
    Ok(section)
}

fn flood(plan: &Plan, subject: Subject, clients: usize, bytes: usize) -> anyhow::Result<Delivered> {
    let started = subject.start(plan)?;
    let (mut swarm, _) = started.connect(clients)?;
    let mut publisher = started.publisher(bytes)?;
    workload::flood(&started.server, &mut swarm, &mut publisher, WINDOW, plan.load_time())
}

fn one_at_a_time(plan: &Plan, subject: Subject) -> anyhow::Result<Delivered> {
    let started = subject.start(plan)?;
    let (mut swarm, _) = started.connect(SINGLES_CLIENTS)?;
    let mut publisher = started.publisher(SINGLES_BYTES)?;
    workload::one_at_a_time(&started.server, &mut swarm, &mut publisher, plan.load_time())
}

fn values(delivered: &Delivered) -> [f64; 3] {
    let per_message = delivered.cpu_secs / delivered.messages as f64;
    [delivered.per_sec(), delivered.cpu_per_million(), per_message]
}

fn add(section: &mut Section, case: &str, subject: Subject, delivered: Delivered) {
    section.add(case, subject.name(), subject.against(), &values(&delivered));
}
