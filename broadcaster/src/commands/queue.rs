//! `fastapi-broadcaster queue ...`: what waits in a queue.

mod dump;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use queue::{Backlog, Failed, shown};
use serde_json::{Value, json};
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
    Stat {
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
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
  fastapi-broadcaster queue stat --config /etc/fastapi-broadcaster/config.toml | grep waiting
  fastapi-broadcaster queue stat --json --config /etc/fastapi-broadcaster/config.toml | jq .oldest_secs

Damaged bytes are bytes of the journal that are no records and that nobody has read yet. A broadcaster that runs skips \
them, says so in its log, and then they are no longer counted.

With --json the keys are waiting, events, oldest_secs (null if nothing waits), files, records, segments, segment_bytes, \
damaged_bytes, failed, other_files, has_broadcaster (true or false) and broker (null without one, or an object with \
stream, and forwarded_id and forwarded_secs_ago, which are null where they are not known). Later versions may add keys.";

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
        QueueCommand::Stat { json } => {
            let stat = Stat::of(queue, config)?;
            let mut out = io::stdout().lock();
            if json {
                writeln!(out, "{}", stat.json())?
            } else {
                stat.print(&mut out)?
            }
            Ok(out.flush()?)
        }
        QueueCommand::Dump { follow: false } => dump::once(queue, config.max_event_bytes),
        QueueCommand::Dump { follow: true } => dump::follow(queue, config.max_event_bytes),
    }
}

/// What is known of a queue without owning it.
struct Stat {
    backlog: Backlog,
    failed: usize,
    has_broadcaster: bool,
    broker: Option<Forwarding>,
}

/// Where its events go, with a broker.
struct Forwarding {
    stream: String,
    /// The last entry that the broadcaster has noted, or why that is not known.
    last: Result<Option<(String, Duration)>, String>,
}

impl Stat {
    fn of(queue: &Path, config: &Config) -> anyhow::Result<Stat> {
        let backlog = Backlog::of(queue, config.max_event_bytes).with_context(|| cannot_read(queue))?;
        let failed = match Failed::open(queue)? {
            Some(folder) => folder.count()?,
            None => 0,
        };
        let broker = config
            .broker
            .as_ref()
            .map(|options| Forwarding { stream: options.stream_key(), last: last_forwarded(queue, config, options) });
        Ok(Stat { backlog, failed, has_broadcaster: queue::Reader::is_owned(queue), broker })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Stat { backlog, failed, has_broadcaster, broker } = self;
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
        writeln!(out, "broadcaster\t{}", if *has_broadcaster { "running" } else { "none" })?;
        if let Some(Forwarding { stream, last }) = broker {
            writeln!(out, "forwards to\tstream {stream}")?;
            match last {
                Ok(Some((id, age))) => writeln!(out, "forwarded\t{id}, {} ago", ago(*age))?,
                Ok(None) => writeln!(out, "forwarded\t-")?,
                Err(problem) => writeln!(out, "forwarded\tunknown: {problem}")?,
            }
        }
        Ok(())
    }

    /// The help promises the keys.
    fn json(&self) -> Value {
        let Stat { backlog, failed, has_broadcaster, broker } = self;
        let broker = broker.as_ref().map(|Forwarding { stream, last }| {
            let last = last.as_ref().ok().and_then(Option::as_ref);
            json!({
                "stream": stream,
                "forwarded_id": last.map(|(id, _)| id),
                "forwarded_secs_ago": last.map(|(_, age)| age.as_secs_f64()),
            })
        });
        json!({
            "waiting": backlog.entries,
            "events": backlog.events,
            "oldest_secs": backlog.oldest.map(|oldest| oldest.as_secs_f64()),
            "files": backlog.entries - backlog.records,
            "records": backlog.records,
            "segments": backlog.segments,
            "segment_bytes": backlog.segment_bytes,
            "damaged_bytes": backlog.damaged_bytes,
            "failed": failed,
            "other_files": backlog.other_files,
            "has_broadcaster": has_broadcaster,
            "broker": broker,
        })
    }
}

fn cannot_read(queue: &Path) -> String {
    format!("cannot read the queue directory {}", shown(queue))
}

/// The last entry of the stream that the broadcaster has noted. What waits comes behind it.
fn last_forwarded(
    queue: &Path,
    config: &Config,
    options: &BrokerOptions,
) -> Result<Option<(String, Duration)>, String> {
    match forwarded(queue, config.history_dir.as_deref()) {
        Ok(Some(Forwarded { prefix, id, age })) if prefix == options.prefix => Ok(Some((id.to_string(), age))),
        Ok(_) => Ok(None),
        // For the user of the broadcaster alone.
        Err((path, error)) => Err(format!("{}: {error}", shown(&path))),
    }
}
