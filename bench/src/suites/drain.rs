//! A backlog that was queued while no consumer ran.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use queue::{Entry, Reader, ReaderOptions};
use tempfile::TempDir;

use super::subject::Subject;
use super::{Plan, in_memory};
use crate::directory::{Directory, append_frame};
use crate::journal;
use crate::machine::file_system;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::report::{Metric, Section};

const METRICS: &[Metric] = &[Metric { name: "thousand entries/s", unit: 1e3 }];
const LOOP: &str = "plain loop";
const READER: &str = "queue::Reader";
/// Readers of the journal, by how many producers have written it.
const PRODUCERS: [(usize, &str, &str); 3] = [
    (1, "queue::Reader, journal of 1 producer", "fastapi-broadcaster, journal of 1 producer"),
    (8, "queue::Reader, journal of 8 producers", "fastapi-broadcaster, journal of 8 producers"),
    (100, "queue::Reader, journal of 100 producers", "fastapi-broadcaster, journal of 100 producers"),
];
/// Empties a directory, and returns how long that took.
type Drain = fn(&Plan, &Path) -> anyhow::Result<Duration>;

/// No drain takes longer.
const TIMEOUT: Duration = Duration::from_secs(120);

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let entries = plan.pick(5_000, 100_000);
    let records = plan.pick(50_000, 1_000_000);
    let mut section = Section::new(
        "Drain of a backlog",
        &format!(
            "{entries} entries of 100 B, all on one core, warm cache. The plain loop lists once, then opens, reads, parses, \
             encodes and unlinks; the broadcaster's time includes its start and ends when the last entry is deleted. Of the \
             journal, {records} records, whose producers have ended, until the last segment is deleted. Its ratios are to \
             the same reader of the directory."
        ),
        METRICS,
    );
    let places: [&dyn Fn() -> anyhow::Result<TempDir>; 2] = [&in_memory, &|| plan.on_disk()];
    for place in places {
        for _ in 0..plan.rounds.min(3) {
            let case = file_system(place()?.path())?;
            let mut runs: Vec<(&'static str, Drain)> =
                vec![(LOOP, plain_loop), (READER, reader), (Subject::Broadcaster.name(), broadcaster)];
            if plan.other_broadcaster.is_some() {
                runs.push((Subject::OtherBroadcaster.name(), other_broadcaster));
            }
            for (name, run) in runs {
                let directory = place()?;
                Publisher::to_queue(directory.path(), 100).publish(entries)?;
                // Writing the new files to the disk is not part of the drain.
                rustix::fs::sync();
                let took = run(plan, directory.path())?;
                section.add(&case, name, (name != LOOP).then_some(LOOP), &[entries as f64 / took.as_secs_f64()]);
            }
            for (producers, by_reader, by_broadcaster) in PRODUCERS {
                let runs: [(_, _, Drain); 2] = [
                    (by_reader, READER, reader_of_journal),
                    (by_broadcaster, Subject::Broadcaster.name(), broadcaster_of_journal),
                ];
                for (name, against, run) in runs {
                    let directory = place()?;
                    journal::make(directory.path())?;
                    Publisher::to_journal(directory.path(), producers, 100).publish(records)?;
                    rustix::fs::sync();
                    let took = run(plan, directory.path())?;
                    section.add(&case, name, Some(against), &[records as f64 / took.as_secs_f64()]);
                }
            }
        }
    }
    Ok(section)
}

fn plain_loop(plan: &Plan, path: &Path) -> anyhow::Result<Duration> {
    plan.cores.on_server(|| {
        let begun = Instant::now();
        let mut directory = Directory::open(path)?;
        let mut log = Vec::new();
        for name in directory.list()? {
            directory.take(&name, |event| append_frame(&event, &mut log))?;
        }
        Ok(begun.elapsed())
    })
}

fn reader(plan: &Plan, path: &Path) -> anyhow::Result<Duration> {
    plan.cores.on_server(|| {
        let begun = Instant::now();
        let mut reader = Reader::open(path, ReaderOptions::default())?;
        loop {
            let entries = reader.scan(256, 1024 * 1024)?;
            if entries.is_empty() {
                return Ok(begun.elapsed());
            }
            take_out(&mut reader, entries)?;
        }
    })
}

/// Lists the folder once, and takes as much at once as the broadcaster does.
fn reader_of_journal(plan: &Plan, path: &Path) -> anyhow::Result<Duration> {
    plan.cores.on_server(|| {
        let begun = Instant::now();
        let mut reader = Reader::open(path, ReaderOptions::default())?;
        loop {
            reader.begin_round();
            let entries = reader.scan_followed(1024, 256 * 1024)?;
            if entries.is_empty() && !reader.has_held() {
                ensure!(journal::segments(path)? == 0, "something is left");
                return Ok(begun.elapsed());
            }
            take_out(&mut reader, entries)?;
        }
    })
}

fn take_out(reader: &mut Reader, entries: Vec<Entry>) -> anyhow::Result<()> {
    for entry in entries {
        entry.events.context("an entry is no event")?;
        reader.ack(&entry.name)?;
    }
    reader.commit_acks().map_err(Into::into)
}

fn broadcaster(plan: &Plan, path: &Path) -> anyhow::Result<Duration> {
    drain_by(plan, &plan.broadcaster, path).map(|drained| Duration::from_secs_f64(drained.secs))
}

fn broadcaster_of_journal(plan: &Plan, path: &Path) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let server = Process::broadcaster(plan.cores, &plan.broadcaster, path)?;
    while journal::segments(path)? > 0 {
        ensure!(begun.elapsed() < TIMEOUT, "process {} does not drain its queue", server.id());
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(begun.elapsed())
}

fn other_broadcaster(plan: &Plan, path: &Path) -> anyhow::Result<Duration> {
    let program = plan.other_broadcaster.as_deref().unwrap_or(&plan.broadcaster);
    drain_by(plan, program, path).map(|drained| Duration::from_secs_f64(drained.secs))
}

/// What it took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    pub(super) secs: f64,
    pub(super) cpu_secs: f64,
}

/// Lets a build of the broadcaster empty a directory.
pub(super) fn drain_by(plan: &Plan, program: &Path, path: &Path) -> anyhow::Result<Drained> {
    let names = Directory::open(path)?.list()?;
    let last = names.last().context("no entries")?;
    let last = path.join(last.to_str().context("a name is not text")?);
    let begun = Instant::now();
    let server = Process::broadcaster(plan.cores, program, path)?;
    while last.exists() {
        ensure!(begun.elapsed() < TIMEOUT, "process {} does not drain its queue", server.id());
        std::thread::sleep(Duration::from_millis(1));
    }
    let drained = Drained { secs: begun.elapsed().as_secs_f64(), cpu_secs: server.cpu_secs()? };
    let left = Directory::open(path)?.list()?.len();
    ensure!(left == 0, "{left} entries are left behind the last");
    Ok(drained)
}
