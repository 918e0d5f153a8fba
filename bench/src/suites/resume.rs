//! Many clients that come back at the same time: what that costs, and what others notice of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::Plan;
use super::subject::{Started, Subject};
use crate::channels::Channels;
use crate::client::{Manner, Resume};
use crate::crowd::{Crowd, Habits};
use crate::machine::{monotonic_nanos, possible_connections, yield_to_others};
use crate::publisher::Publisher;
use crate::report::{Metric, Section};
use crate::stats::percentile_ms;
use crate::swarm::{Load, Swarm};
use crate::workload::turn_until;

const METRICS: &[Metric] = &[
    Metric { name: "seconds", unit: 1.0 },
    Metric { name: "CPU seconds", unit: 1.0 },
    Metric { name: "MiB more, at most", unit: 1024.0 * 1024.0 },
    Metric { name: "p50 of others, ms", unit: 1.0 },
    Metric { name: "p95 of others, ms", unit: 1.0 },
    Metric { name: "p99 of others, ms", unit: 1.0 },
];
const BYTES: usize = 150;
/// Clients that come back, if the descriptors allow.
const MANY: usize = 10_000;
/// Events that each has missed.
const MISSED: u64 = 100;
const MISSED_CHANNEL: Channels = Channels { first: 1_000_000, count: 1, each: 1 };
/// Clients that stay, and their channels.
const OTHERS: usize = 1_000;
const CHANNELS_OF_OTHERS: Channels = Channels { first: 0, count: 10, each: 1 };
/// One of these channels gets an event in each.
const TICK: Duration = Duration::from_millis(5);
/// Connections of a server that are left for its feed and others.
const SPARE: usize = 100;

const CONNECT: &str = "they connect";
const LIVE: &str = "then they get the events live";
const CONNECT_AND_LIVE: &str = "both";
const RESUME: &str = "they connect and get the events again";

/// What others notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nobody,
    /// Clients that connect for the first time.
    Connecting,
    Resuming,
    /// A client that resumes, goes, and comes back at once.
    Loop,
}

impl Beside {
    const ALL: [Beside; 4] = [Beside::Nobody, Beside::Connecting, Beside::Resuming, Beside::Loop];

    fn name(self) -> &'static str {
        match self {
            Beside::Nobody => "alone",
            Beside::Connecting => "while they connect",
            Beside::Resuming => "while they connect and get the events again",
            Beside::Loop => "beside one client that does so in a loop",
        }
    }
}

/// What something cost the server.
#[derive(Debug, Clone, Copy)]
struct Cost {
    secs: f64,
    cpu_secs: f64,
    bytes: f64,
}

impl Cost {
    fn add_to(self, section: &mut Section, case: &str, name: &'static str, against: Option<&'static str>) {
        section.add(case, name, against, &[self.secs, self.cpu_secs, self.bytes, f64::NAN, f64::NAN, f64::NAN]);
    }
}

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let clients = possible_connections().saturating_sub(OTHERS + SPARE).min(plan.pick(2_000, MANY));
    let mut section = Section::new(
        "Clients that come back at the same time",
        &format!(
            "{clients} clients of one channel, which get {MISSED} events of {BYTES} B each: published at once when they are \
             connected, or again when they come back, 100 handshakes at a time. Memory: how much more is resident at most. \
             Others: {OTHERS} clients in channels of 100, an event each {TICK:?} to one of these, for {:?}; the many come \
             again and again for as long, with a lower priority than those who are measured. Seconds are those of one time.",
            others_time(plan),
        ),
        METRICS,
    );
    for subject in [Subject::Hub, Subject::Broadcaster] {
        let case = format!("{}, {clients} clients", subject.name());
        for _ in 0..plan.rounds {
            let (connect, live) = live(plan, subject, clients).with_context(|| format!("{case}, live"))?;
            let both = Cost {
                secs: connect.secs + live.secs,
                cpu_secs: connect.cpu_secs + live.cpu_secs,
                bytes: connect.bytes + live.bytes,
            };
            let resumed = resumed(plan, subject, clients).with_context(|| format!("{case}, again"))?;
            connect.add_to(&mut section, &case, CONNECT, None);
            live.add_to(&mut section, &case, LIVE, None);
            both.add_to(&mut section, &case, CONNECT_AND_LIVE, None);
            resumed.add_to(&mut section, &case, RESUME, Some(CONNECT_AND_LIVE));
        }
        let case = format!("{}, others", subject.name());
        for _ in 0..plan.rounds {
            for beside in Beside::ALL {
                let (secs, [p50, p95, p99]) =
                    others(plan, subject, beside, clients).with_context(|| format!("{case}, {}", beside.name()))?;
                let against = (beside != Beside::Nobody).then_some(Beside::Nobody.name());
                section.add(&case, beside.name(), against, &[secs, f64::NAN, f64::NAN, p50, p95, p99]);
            }
        }
    }
    Ok(section)
}

/// What it costs to connect clients, and to send them the events live.
fn live(plan: &Plan, subject: Subject, clients: usize) -> anyhow::Result<(Cost, Cost)> {
    let started = subject.start(plan)?;
    let mut publisher = started.publisher(BYTES)?.for_channels(MISSED_CHANNEL);
    let habits = Habits { channels: Some(MISSED_CHANNEL), ..Habits::default() };
    let (mut crowd, connect) = cost(&started, || started.connect_crowd_as(habits, clients))?;
    let ((), live) = cost(&started, || {
        publisher.publish(MISSED)?;
        crowd.until_all_have(MISSED)
    })?;
    Ok((connect, live))
}

/// What it costs if they connect afterwards.
fn resumed(plan: &Plan, subject: Subject, clients: usize) -> anyhow::Result<Cost> {
    let started = subject.start(plan)?;
    let mut publisher = started.publisher(BYTES)?.for_channels(MISSED_CHANNEL);
    let resume = publish_missed(&started, &mut publisher)?;
    let habits = Habits { channels: Some(MISSED_CHANNEL), resume: Some(resume), ..Habits::default() };
    let (_, cost) = cost(&started, || {
        let mut crowd = started.connect_crowd_as(habits, clients)?;
        crowd.until_all_have(MISSED)?;
        Ok(crowd)
    })?;
    Ok(cost)
}

fn cost<T>(started: &Started, run: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Cost)> {
    let server = &started.server;
    server.forget_peak()?;
    let (before, cpu, begun) = (server.peak_bytes()?, server.cpu_secs()?, Instant::now());
    let made = run()?;
    let secs = begun.elapsed().as_secs_f64();
    let bytes = server.peak_bytes()?.saturating_sub(before) as f64;
    Ok((made, Cost { secs, cpu_secs: server.cpu_secs()? - cpu, bytes }))
}

/// Publishes what is missed, and returns where to go on to get it again.
fn publish_missed(started: &Started, publisher: &mut Publisher) -> anyhow::Result<Resume> {
    let manner = Manner { channels: Some(MISSED_CHANNEL), ..Manner::default() };
    let mut witness = started.connect_as(manner, 1)?;
    let position = witness.reading.tally.position.take().context("the server did not say where its clients are")?;
    publisher.publish(MISSED)?;
    witness.until_all_have(MISSED)?;
    // A few for each run.
    Ok(Resume { after: position.leak(), first: 0 })
}

/// Long enough that a stall of the machine is not a hundredth of it.
fn others_time(plan: &Plan) -> Duration {
    plan.pick(Duration::from_secs(1), Duration::from_secs(5))
}

/// The seconds that those who come back took, and the latencies of others meanwhile.
fn others(plan: &Plan, subject: Subject, beside: Beside, clients: usize) -> anyhow::Result<(f64, [f64; 3])> {
    let started = subject.start(plan)?;
    let mut missed = started.publisher(BYTES)?.for_channels(MISSED_CHANNEL);
    let resume = publish_missed(&started, &mut missed)?;
    let mut publisher = missed.beside(CHANNELS_OF_OTHERS, BYTES);
    let mut swarm = started.connect_as(Manner { channels: Some(CHANNELS_OF_OTHERS), ..Manner::default() }, OTHERS)?;
    swarm.reading.tally.latencies = Some(Vec::new());
    let habits = Habits { channels: Some(MISSED_CHANNEL), yields: true, ..Habits::default() };
    let duration = others_time(plan);
    let begun = Instant::now();
    let secs = match beside {
        Beside::Nobody => {
            tick(&mut swarm, &mut publisher, || Ok(begun.elapsed() >= duration))?;
            swarm.until_all_have(publisher.published())?;
            f64::NAN
        }
        Beside::Connecting | Beside::Resuming => {
            let resume = (beside == Beside::Resuming).then_some(resume);
            let (mut secs, mut times) = (0.0, 0);
            while secs < duration.as_secs_f64() {
                let begun = Instant::now();
                let mut crowd = started.begin_crowd(Habits { resume, ..habits }, clients)?;
                let wanted = if resume.is_some() { crowd.due_among(MISSED) } else { 0 };
                let is_there = |crowd: &Crowd| crowd.is_connected() && crowd.received() >= wanted;
                tick(&mut swarm, &mut publisher, || {
                    crowd.turn(Duration::ZERO)?;
                    Ok(is_there(&crowd))
                })?;
                (secs, times) = (secs + begun.elapsed().as_secs_f64(), times + 1);
                swarm.until_all_have(publisher.published())?;
                // That they leave is not measured. What is published then comes when the server has seen it.
                let latencies = swarm.reading.tally.latencies.take();
                drop(crowd);
                publisher.publish(1)?;
                swarm.until_all_have(publisher.published())?;
                swarm.reading.tally.latencies = latencies;
            }
            secs / f64::from(times)
        }
        Beside::Loop => {
            let ends = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let looping = scope.spawn(|| resume_again_and_again(&started, resume, &ends));
                let ticked =
                    tick(&mut swarm, &mut publisher, || Ok(begun.elapsed() >= duration || looping.is_finished()));
                let secs = begun.elapsed().as_secs_f64();
                let read = ticked.and_then(|()| swarm.until_all_have(publisher.published()));
                ends.store(true, Ordering::Relaxed);
                let rounds = looping.join().map_err(|_| anyhow!("the client that resumes panicked"))??;
                read?;
                anyhow::Ok(secs / rounds as f64)
            })?
        }
    };
    let mut latencies = swarm.reading.tally.latencies.take().unwrap_or_default();
    Ok((secs, [0.5, 0.95, 0.99].map(|part| percentile_ms(&mut latencies, part))))
}

/// Publishes one event after the other at a steady rate, until something has happened.
fn tick(
    swarm: &mut Swarm,
    publisher: &mut Publisher,
    mut has_ended: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let start = monotonic_nanos();
    for tick in 0.. {
        if has_ended()? {
            break;
        }
        turn_until(swarm, start + tick * TICK.as_nanos() as u64)?;
        publisher.publish(1)?;
    }
    Ok(())
}

/// One client: returns how often it came back.
fn resume_again_and_again(started: &Started, resume: Resume, ends: &AtomicBool) -> anyhow::Result<u64> {
    yield_to_others()?;
    let manner = Manner { channels: Some(MISSED_CHANNEL), resume: Some(resume), ..Manner::default() };
    let mut rounds = 0;
    while !ends.load(Ordering::Relaxed) {
        started.connect_as(manner, 1)?.until_all_have(MISSED)?;
        rounds += 1;
    }
    Ok(rounds)
}
