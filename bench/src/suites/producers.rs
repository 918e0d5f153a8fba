//! Many processes that queue at the same time.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use queue::{Reader, ReaderOptions};

use super::{Plan, in_memory};
use crate::journal::{self, Form};
use crate::machine::{Cores, file_system};
use crate::report::{Metric, Section};
use crate::stats::percentile_ms;

const METRICS: &[Metric] = &[
    Metric { name: "thousand events/s", unit: 1e3 },
    Metric { name: "p50 of a call, µs", unit: 1.0 },
    Metric { name: "p99 of a call, µs", unit: 1.0 },
];
const PRODUCERS: usize = 100;
const BYTES: usize = 100;
const DIRECTORY: &str = "a file for each event";
/// What producers write to, by its name in the table.
const FORMS: [(&str, Form); 3] =
    [(DIRECTORY, Form::Directory), ("one shared file, locked", Form::Shared), ("journal", Form::Journal)];

pub(super) fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let events = plan.pick(200, 2_000);
    let mut section = Section::new(
        "Producers at the same time",
        &format!(
            "{PRODUCERS} processes queue {events} events of {BYTES} B each, as fast as they can, on all cores; nobody reads \
             meanwhile. The shared file is locked for each line. Ratios to a file for each event."
        ),
        METRICS,
    );
    for on_disk in [false, true] {
        for _ in 0..plan.rounds {
            for (name, form) in FORMS {
                let directory = if on_disk { plan.on_disk()? } else { in_memory()? };
                let case = file_system(directory.path())?;
                journal::make(directory.path())?;
                let values = produce(plan, form, directory.path(), events)?;
                section.add(&case, name, (name != DIRECTORY).then_some(DIRECTORY), &values);
                if on_disk {
                    plan.keep(directory);
                }
            }
        }
    }
    Ok(section)
}

/// Lets the producers run, and checks that everything arrived.
fn produce(plan: &Plan, form: Form, directory: &Path, events: u64) -> anyhow::Result<[f64; 3]> {
    let cores = Cores { shared: true, ..plan.cores };
    let mut producers: Vec<Child> =
        cores.on_server(|| (0..PRODUCERS).map(|_| start(form, directory, events)).collect())?;
    let mut outputs = Vec::new();
    for producer in &mut producers {
        let mut output = BufReader::new(producer.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(line == "ready\n", "a producer did not start");
        outputs.push(output);
    }
    // All of them begin now.
    producers.iter_mut().for_each(|producer| drop(producer.stdin.take()));
    let (mut first, mut last, mut nanos) = (u64::MAX, 0, Vec::new());
    for (mut producer, mut output) in producers.into_iter().zip(outputs) {
        let mut line = String::new();
        output.read_line(&mut line)?;
        let (begun, ended) = line.trim().split_once(' ').context("no times")?;
        (first, last) = (first.min(begun.parse()?), last.max(ended.parse()?));
        let mut calls = Vec::new();
        output.read_to_end(&mut calls)?;
        let (calls, _) = calls.as_chunks();
        nanos.extend(calls.iter().map(|call| u64::from(u32::from_le_bytes(*call))));
        ensure!(producer.wait()?.success(), "a producer failed");
    }
    let all = PRODUCERS as u64 * events;
    if form != Form::Shared {
        let found = count(directory)?;
        ensure!(found == all + PRODUCERS as u64, "{found} events arrived");
    }
    let micros = |part, nanos: &mut Vec<u64>| percentile_ms(nanos, part) * 1e3;
    Ok([all as f64 * 1e9 / (last - first) as f64, micros(0.5, &mut nanos), micros(0.99, &mut nanos)])
}

fn start(form: Form, directory: &Path, events: u64) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.args(["produce", form.name()]).arg(directory).args([events.to_string(), BYTES.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start a producer")
}

/// How many events there are.
fn count(directory: &Path) -> anyhow::Result<u64> {
    let mut reader = Reader::open(directory, ReaderOptions::default())?;
    let mut found = 0;
    loop {
        let entries = reader.scan(1024, 1024 * 1024)?;
        if entries.is_empty() {
            return Ok(found);
        }
        for entry in entries {
            found += entry.events.context("an entry is no event")?.len() as u64;
            reader.ack(&entry.name)?;
        }
        reader.commit_acks()?;
    }
}
