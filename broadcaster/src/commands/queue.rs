//! `fastapi-broadcaster queue ...`: what waits in a queue.

mod dump;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::Subcommand;
use queue::{Backlog, Failed, shown};
use server::Config;
use server::broker::{BrokerOptions, Forwarded, forwarded};

use crate::output::ago;

/// `fastapi-broadcaster queue ...`
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Prints how many entries wait, how many events they hold, how long the oldest has waited, and how many of them
    /// are files and how many records of the journal. With a broker they wait until Redis has them, and what was
    /// forwarded last is printed too
    #[command(after_help = STAT_EXAMPLES)]
    Stat,
    /// Prints what waits, in the order of queueing: time, entry and event, with tabs between. Changes and locks nothing
    #[command(after_help = DUMP_EXAMPLES)]
    Dump {
        /// Goes on with what is queued from then on, until it is interrupted
        #[arg(long, short)]
        follow: bool,
    },
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster queue stat --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster queue dump --queue /var/lib/fastapi-broadcaster/queue | less
  fastapi-broadcaster queue dump --follow --config /etc/fastapi-broadcaster/config.toml";

const STAT_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster queue stat --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster queue stat --config /etc/fastapi-broadcaster/config.toml | grep waiting";

const DUMP_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster queue dump --queue /var/lib/fastapi-broadcaster/queue | cut -f 3 | grep '^{' | jq .event
  fastapi-broadcaster queue dump --follow --config /etc/fastapi-broadcaster/config.toml | grep order.created

An entry is the name of a file, or of a segment of the journal, @ and where the record begins in it, in bytes. An entry \
of several events has a line for each. One that is no event has - instead of the event, and then the reason; it waits \
until the broadcaster puts it aside.

With --follow and a broadcaster that runs, a file can be delivered and deleted before it could be read here. Its line \
says that. Records of the journal stay longer.";

pub(crate) fn run(queue: &Path, config: &Config, command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::Stat => stat(queue, config),
        QueueCommand::Dump { follow: false } => dump::once(queue, config.max_event_bytes),
        QueueCommand::Dump { follow: true } => dump::follow(queue, config.max_event_bytes),
    }
}

fn stat(queue: &Path, config: &Config) -> anyhow::Result<()> {
    let backlog = Backlog::of(queue, config.max_event_bytes).with_context(|| cannot_read(queue))?;
    let failed = match Failed::open(queue)? {
        Some(folder) => folder.count()?,
        None => 0,
    };
    let mut out = io::stdout().lock();
    writeln!(out, "waiting\t{}", backlog.entries)?;
    writeln!(out, "events\t{}", backlog.events)?;
    writeln!(out, "oldest\t{}", backlog.oldest.map_or_else(|| "-".to_owned(), ago))?;
    writeln!(out, "files\t{}", backlog.entries - backlog.records)?;
    writeln!(out, "records\t{}", backlog.records)?;
    writeln!(out, "segments\t{}", backlog.segments)?;
    writeln!(out, "segment bytes\t{}", backlog.segment_bytes)?;
    if backlog.damaged_bytes > 0 {
        writeln!(out, "damaged bytes\t{}", backlog.damaged_bytes)?;
    }
    writeln!(out, "failed\t{failed}")?;
    if backlog.other_files > 0 {
        writeln!(out, "other files\t{}", backlog.other_files)?;
    }
    let owner = if queue::Reader::is_owned(queue) { "running" } else { "none" };
    writeln!(out, "broadcaster\t{owner}")?;
    if let Some(options) = &config.broker {
        writeln!(out, "forwards to\tstream {}", options.stream_key())?;
        writeln!(out, "forwarded\t{}", last_forwarded(queue, config, options))?;
    }
    Ok(())
}

fn cannot_read(queue: &Path) -> String {
    format!("cannot read the queue directory {}", shown(queue))
}

/// The last entry of the stream that the broadcaster has noted. What waits comes behind it.
fn last_forwarded(queue: &Path, config: &Config, options: &BrokerOptions) -> String {
    match forwarded(queue, config.history_dir.as_deref()) {
        Ok(Some(Forwarded { prefix, id, age })) if prefix == options.prefix => format!("{id}, {} ago", ago(age)),
        Ok(_) => "-".to_owned(),
        // For the user of the broadcaster alone.
        Err((path, error)) => format!("unknown: {}: {error}", shown(&path)),
    }
}
