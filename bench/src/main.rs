//! `bench`: measures the extension and the broadcaster against references, and writes tables and a plot.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its figures")]

mod channels;
mod client;
mod crowd;
mod directory;
mod due;
mod figures;
mod frames;
mod journal;
mod lanes;
mod machine;
mod message;
mod nats;
mod peers;
mod plot;
mod process;
mod profile;
mod publisher;
mod pusher;
mod redis;
mod report;
mod servers;
mod signing;
mod sockets;
mod stats;
mod suites;
mod swarm;
mod workload;

use std::cell::RefCell;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};

use crate::machine::Cores;
use crate::suites::Plan;

/// Measures the extension and the broadcaster against references.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure, print tables, and write them with a plot
    Run(Box<Run>),
    /// Draw docs/performance.svg again from bench/performance-figures.md, without measuring
    Plot,
    /// Sample the broadcaster under load, and draw flame graphs
    Profile(profile::Profile),
    /// Queue events as fast as possible, and print what the calls took
    Produce(journal::Produce),
    /// Run a server to be measured
    Serve {
        /// Which one
        server: servers::Kind,
        /// Follow this queue directory instead of a TCP feed
        #[arg(long)]
        queue: Option<PathBuf>,
        /// Threads of our hub
        #[arg(long, default_value = "1")]
        hub_threads: usize,
        /// Events of each channel that our hub keeps [default: that of the broadcaster]
        #[arg(long)]
        history_events: Option<usize>,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// More loads, longer, with more rounds
    #[arg(long)]
    full: bool,
    /// How often each load is repeated [default: 3, or 5 with --full]
    #[arg(long)]
    rounds: Option<usize>,
    /// Measure only loads whose name has TEXT in it, in the tables batches, channels, history, builds, pusher and presence
    #[arg(long, value_name = "TEXT")]
    load: Option<String>,
    /// Make only these tables
    #[arg(value_parser = suites::ALL.map(|(name, _)| name))]
    only: Vec<String>,
    /// The extension
    #[arg(long, env = "FASTAPI_EXTENSION", default_value = "target/release/libfastapi_websocket.so")]
    extension: PathBuf,
    /// The broadcaster
    #[arg(long, env = "FASTAPI_BROADCASTER", default_value = "target/release/fastapi-broadcaster")]
    broadcaster: PathBuf,
    /// Another build of the broadcaster, measured beside the first
    #[arg(long, env = "OTHER_BROADCASTER", value_name = "PROGRAM")]
    other_broadcaster: Option<PathBuf>,
    /// The folder of the PHP scripts
    #[arg(long, default_value = "bench/php")]
    scripts: PathBuf,
    /// A folder on the disk to measure [default: the one for temporary files]
    #[arg(long, env = "BENCH_DISK", value_name = "DIR")]
    disk: Option<PathBuf>,
    #[arg(long, env = "PHP", default_value = "php", help = "PHP")]
    php: String,
    #[arg(long, env = "PHP_FPM", help = "php-fpm; its table is left out without")]
    php_fpm: Option<String>,
    #[command(flatten)]
    peers: peers::Programs,
    /// Write the tables to DIR/bench/performance-figures.md and the plot to DIR/docs/performance.svg
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Serve { server, queue, hub_threads, history_events } => {
            servers::serve(server, queue, servers::HubOptions { threads: hub_threads, history_events })
        }
        Command::Run(run) => measure(*run),
        Command::Plot => write_plot(Path::new(".")),
        Command::Profile(profile) => profile.run(),
        Command::Produce(produce) => produce.run(),
    }
}

fn measure(run: Run) -> anyhow::Result<()> {
    let open_files = machine::raise_open_files();
    let cores = Cores::choose()?;
    let absolute = |path: PathBuf| path.canonicalize().with_context(|| format!("{}: run 'make build'", path.display()));
    let plan = Plan {
        cores,
        rounds: run.rounds.unwrap_or(if run.full { 5 } else { 3 }),
        full: run.full,
        load: run.load,
        extension: absolute(run.extension)?,
        broadcaster: absolute(run.broadcaster)?,
        other_broadcaster: run.other_broadcaster.map(absolute).transpose()?,
        scripts: absolute(run.scripts)?,
        disk: run.disk.unwrap_or_else(std::env::temp_dir),
        php: run.php,
        php_fpm: run.php_fpm,
        peers: run.peers,
        kept: RefCell::default(),
    };
    ensure!(plan.rounds > 0, "at least one round");
    let head = format!(
        "{}. Servers on one core, their load on {}. Open files at most {open_files}. {} rounds; \
         median (least..greatest) of the rounds; ratios round by round.\n",
        machine::describe(),
        if cores.load == cores.server { "the same" } else { "another" },
        plan.rounds,
    );
    println!("{head}");
    machine::pin(cores.load)?;
    let begun = Instant::now();
    let mut text = head;
    for (name, suite) in suites::ALL {
        let wanted = match run.only.as_slice() {
            [] if suites::ONLY_ASKED.contains(&name) => false,
            [] => plan.full || !suites::ONLY_FULL.contains(&name),
            only => only.iter().any(|only| only == name),
        };
        if !wanted {
            continue;
        }
        let section = suite(&plan).with_context(|| format!("the table {name} failed"))?;
        println!("{}", section.to_markdown());
        let _ = write!(text, "\n{}", section.to_markdown());
    }
    eprintln!("{:.0} s", begun.elapsed().as_secs_f64());
    if let Some(out) = run.out {
        let path = out.join("bench/performance-figures.md");
        let text = format!("# Figures of one run: `bench/run {}`\n\n{text}", if plan.full { "full" } else { "quick" });
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        write_plot(&out)?;
    }
    Ok(())
}

fn write_plot(out: &Path) -> anyhow::Result<()> {
    let figures = out.join("bench/performance-figures.md");
    let text = std::fs::read_to_string(&figures).with_context(|| format!("cannot read {}", figures.display()))?;
    let svg = plot::draw(&text).with_context(|| format!("cannot draw {}", figures.display()))?;
    let path = out.join("docs/performance.svg");
    std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))
}
