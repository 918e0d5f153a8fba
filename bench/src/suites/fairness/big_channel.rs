//! Small channels beside one of many clients.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::Figures;
use crate::channels::Channels;
use crate::client::Manner;
use crate::crowd::Habits;
use crate::machine::{monotonic_nanos, possible_connections};
use crate::report::Section;
use crate::stats::percentile_ms;
use crate::suites::Plan;
use crate::suites::subject::Subject;
use crate::swarm::Load;
use crate::workload::turn_until;

const BYTES: usize = 150;
const SMALL: Channels = Channels { first: 0, count: 1_000, each: 1 };
const BIG: Channels = Channels { first: 1_000_000, count: 1, each: 1 };
/// Clients of the big channel, if the descriptors allow.
const MANY: usize = 50_000;
/// Connections of a server that are left for its feed and others.
const SPARE: usize = 100;
/// A small channel gets a message in each of these, the big one in every second.
const TICK: Duration = Duration::from_millis(5);

const SMALL_ALONE: &str = "the small channels alone";
const SMALL_BESIDE: &str = "the small channels beside the big one";
const BIG_ALONE: &str = "the big channel alone";
const BIG_BESIDE: &str = "the big channel beside the small ones";

const SUBJECTS: [Subject; 3] = [Subject::ReferenceTcp, Subject::Hub, Subject::Broadcaster];

/// Adds the rows, and returns what the table has to say of them.
pub(super) fn measure(plan: &Plan, section: &mut Section) -> anyhow::Result<String> {
    let small = SMALL.count as usize;
    let many = possible_connections().saturating_sub(small + SPARE).min(plan.pick(5_000, MANY));
    let duration = plan.pick(Duration::from_secs(2), Duration::from_secs(10));
    for subject in SUBJECTS {
        let case = format!("{}, {many} clients of one channel", subject.name());
        for _ in 0..plan.rounds {
            let alone = run(plan, subject, duration, 0, small).with_context(|| format!("{case}: {SMALL_ALONE}"))?;
            let crowd = run(plan, subject, duration, many, 0).with_context(|| format!("{case}: {BIG_ALONE}"))?;
            let both = run(plan, subject, duration, many, small).with_context(|| format!("{case}: {BIG_BESIDE}"))?;
            let of_small = |both: Figures| Figures { per_sec: f64::NAN, ..both };
            of_small(alone).add_to(section, &case, SMALL_ALONE, None);
            of_small(both).add_to(section, &case, SMALL_BESIDE, Some(SMALL_ALONE));
            crowd.add_to(section, &case, BIG_ALONE, None);
            Figures { per_sec: both.per_sec, ..Figures::NONE }.add_to(section, &case, BIG_BESIDE, Some(BIG_ALONE));
        }
    }
    Ok(format!(
        "A big channel: an event of {BYTES} B each {:?} to {many} clients, and one each {TICK:?} to one of {small} channels of \
         one client by turns, for {duration:?}; latencies of the small channels, deliveries to the big one until all its \
         clients have all. The threads of the big channel's clients have a lower priority than that of the small ones.",
        TICK * 2
    ))
}

/// Latencies of the small channels, and deliveries to the big one.
fn run(plan: &Plan, subject: Subject, duration: Duration, many: usize, small: usize) -> anyhow::Result<Figures> {
    let started = subject.start(plan)?;
    let habits = Habits { channels: Some(BIG), yields: true, ..Habits::default() };
    let mut crowd = (many > 0).then(|| started.connect_crowd_as(habits, many)).transpose()?;
    let mut swarm = started.connect_as(Manner { channels: Some(SMALL), ..Manner::default() }, small)?;
    swarm.reading.tally.latencies = Some(Vec::new());
    let mut to_big = started.publisher(BYTES)?.for_channels(BIG);
    let mut to_small = to_big.beside(SMALL, BYTES);
    let (begun, start) = (Instant::now(), monotonic_nanos());
    for tick in 0..(duration.as_nanos() / TICK.as_nanos()) as u64 {
        turn_until(&mut swarm, start + tick * TICK.as_nanos() as u64)?;
        if small > 0 {
            to_small.publish(1)?;
        }
        if crowd.is_some() && tick % 2 == 0 {
            to_big.publish(1)?;
        }
    }
    if small > 0 {
        swarm.until_all_have(to_small.published())?;
    }
    let mut figures = Figures::NONE;
    if let Some(crowd) = &mut crowd {
        crowd.until_all_have(to_big.published())?;
        figures.per_sec = crowd.received() as f64 / begun.elapsed().as_secs_f64();
    }
    let mut latencies = swarm.reading.tally.latencies.take().unwrap_or_default();
    figures.p50 = percentile_ms(&mut latencies, 0.5);
    figures.p99 = percentile_ms(&mut latencies, 0.99);
    Ok(figures)
}
