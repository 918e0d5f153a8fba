//! How the broadcaster spends its time under load: `perf` samples it, and the samples become a flame graph and a short
//! table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options as Folding};
use inferno::flamegraph::{self, Options as Drawing};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::Manner;
use crate::machine::{self, Cores};
use crate::process::Process;
use crate::publisher::Publisher;
use crate::suites;
use crate::swarm::{CONCURRENT_HANDSHAKES, Swarm};
use crate::workload;

/// Clients, and the name of the flame graph.
const CASES: [(usize, &str); 2] = [(100, "flame-graph-100.svg"), (1_000, "flame-graph-1000.svg")];
const BYTES: usize = 100;
const WINDOW: u64 = 1_000;
const LOAD_TIME: Duration = Duration::from_secs(5);
/// Not a multiple of the rate of any timer.
const SAMPLES_PER_SEC: &str = "1999";
/// Percent of the width that a frame must have to be drawn.
const MIN_WIDTH: f64 = 0.2;
/// Percent of all samples that a line of the table must have.
const MIN_SHARE: f64 = 1.0;

/// The kernel's names for the entry of a system call. The compiler removes the first of them in some cases.
const ENTRIES: [&str; 4] = ["__x64_sys_", "__arm64_sys_", "__do_sys_", "ksys_"];

#[derive(Debug, clap::Args)]
pub(crate) struct Profile {
    /// A broadcaster with symbols and frame pointers
    #[arg(long)]
    broadcaster: PathBuf,
    #[arg(long, env = "PERF", default_value = "perf", help = "perf")]
    perf: String,
    /// Write the flame graphs to DIR
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Profile {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        machine::raise_open_files();
        let cores = Cores::choose()?;
        machine::pin(cores.load)?;
        for (clients, name) in CASES {
            let folded = self.sample(cores, clients)?;
            let path = self.out.join(name);
            draw(&folded, clients, &path).with_context(|| format!("cannot write {}", path.display()))?;
            println!("### {clients} clients, {BYTES} B: {}\n\n{}", path.display(), table(&folded));
        }
        Ok(())
    }

    /// Loads the broadcaster, and returns its stacks, a line each: frames from the outermost on, and how often.
    fn sample(&self, cores: Cores, clients: usize) -> anyhow::Result<String> {
        let queue = suites::in_memory()?;
        let server = Process::broadcaster(cores, &self.broadcaster, queue.path())?;
        let mut swarm = Swarm::connect(server.address, Manner::default(), clients, CONCURRENT_HANDSHAKES)?;
        let mut publisher = Publisher::to_queue(queue.path(), BYTES);
        let samples = tempfile::NamedTempFile::new()?;
        let mut perf = Command::new(&self.perf)
            .args(["record", "--quiet", "--call-graph", "fp", "--freq", SAMPLES_PER_SEC])
            .args(["--pid", &server.id().to_string(), "--output"])
            .arg(samples.path())
            .spawn()
            .with_context(|| format!("cannot run {}: 'make flame-graph' installs it", self.perf))?;
        let loaded = workload::flood(&server, &mut swarm, &mut publisher, WINDOW, LOAD_TIME);
        kill_process(Pid::from_child(&perf), Signal::INT).context("perf ended")?;
        // Its exit status is the signal that ended it.
        perf.wait()?;
        loaded?;
        let mut script = Command::new(&self.perf)
            .args(["script", "--input"])
            .arg(samples.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut folding = Folding::default();
        folding.annotate_kernel = true;
        let mut folded = Vec::new();
        let stacks = BufReader::new(script.stdout.take().context("no stacks")?);
        Folder::from(folding).collapse(stacks, &mut folded).context("cannot read the stacks")?;
        ensure!(script.wait()?.success(), "perf script failed");
        ensure!(!folded.is_empty(), "perf took no samples");
        Ok(String::from_utf8(folded)?)
    }
}

fn draw(folded: &str, clients: usize, path: &Path) -> anyhow::Result<()> {
    let mut drawing = Drawing::default();
    drawing.title = format!("fastapi-broadcaster, {clients} clients, {BYTES} B, as many messages as go");
    drawing.count_name = "samples".to_owned();
    drawing.min_width = MIN_WIDTH;
    drawing.hash = true;
    flamegraph::from_lines(&mut drawing, folded.lines(), BufWriter::new(File::create(path)?))?;
    Ok(())
}

/// The share of every thread, and in it of every system call.
fn table(folded: &str) -> String {
    let mut shares: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut all = 0;
    for (stack, count) in folded.lines().filter_map(|line| line.rsplit_once(' ')) {
        let count: u64 = count.parse().unwrap_or(0);
        let (thread, frames) = stack.split_once(';').unwrap_or((stack, ""));
        *shares.entry((thread, place(frames))).or_default() += count;
        all += count;
    }
    let mut rows: Vec<_> = shares.into_iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut text = "| thread | in | % of samples |\n|---|---|---|\n".to_owned();
    for ((thread, place), count) in rows {
        let share = count as f64 * 100.0 / all as f64;
        if share >= MIN_SHARE {
            let _ = writeln!(text, "| {thread} | {place} | {share:.1} |");
        }
    }
    text
}

/// The system call that a stack is in, or otherwise the kind of code.
fn place(frames: &str) -> &str {
    let mut in_kernel = false;
    for frame in frames.split(';') {
        if let Some(name) = frame.strip_suffix("_[k]") {
            in_kernel = true;
            if let Some(call) = ENTRIES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
                return call;
            }
        }
    }
    if in_kernel { "the kernel, besides" } else { "our code and libraries" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_counted_where_it_entered_the_kernel() {
        let folded = "hub;run;send;entry_[k];__x64_sys_sendto_[k];tcp_sendmsg_[k] 60\nhub;run 30\n\
                      consumer;entry_[k];ksys_read_[k] 9\nhub;asm_interrupt_[k] 1\n";
        let table = table(folded);
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| hub | sendto | 60.0 |",
                "| hub | our code and libraries | 30.0 |",
                "| consumer | read | 9.0 |",
                "| hub | the kernel, besides | 1.0 |"
            ]
        );
    }
}
