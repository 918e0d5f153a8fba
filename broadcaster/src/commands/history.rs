//! `fastapi-broadcaster history ...`: a look at the history log on disk, and deleting it.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use queue::{ChannelName, Reader, printable, shown};
use server::{LogOnDisk, NextStart};

use super::listen::position;
use super::token::channel;
use crate::numbers::whole;
use crate::output::{ago, message_in_one_line};

/// `fastapi-broadcaster history ...`
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Prints what the log holds, how old that is, whether it was closed, and whether the next start continues it
    #[command(after_help = STAT_EXAMPLES)]
    Stat,
    /// Prints the events in the log, oldest first, a JSON object a line
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Only the events of this channel
        #[arg(long, value_name = "NAME", value_parser = channel)]
        channel: Option<String>,
        /// Only what came after this position: the id of a message, or t. and milliseconds since 1970
        #[arg(long, value_name = "ID", value_parser = position)]
        after: Option<String>,
        /// Stop after so many events
        #[arg(long, value_name = "COUNT", value_parser = whole)]
        limit: Option<u64>,
    },
    /// Deletes the log, while no broadcaster runs: clients that come back afterwards are told that they may have missed
    /// events
    #[command(after_help = CLEAR_EXAMPLES)]
    Clear,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster history stat --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster history show --channel news --limit 10 --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster history clear --history-dir /var/lib/fastapi-broadcaster/history

The history log is in history_dir, or else in history/ of the queue directory. Its user alone may read it, and root.";

const STAT_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster history stat --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster history stat --queue /var/lib/fastapi-broadcaster/queue | grep 'next start'";

const SHOW_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster history show --config /etc/fastapi-broadcaster/config.toml | tail -n 10
  fastapi-broadcaster history show --channel news --after t.1729000000123 --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster history show --queue /var/lib/fastapi-broadcaster/queue | jq -r '.id + \" \" + .event'

Each line has the keys of the message that clients get; channels, with null for everybody; published_at, in seconds since \
1970; and uid, expires_at and key, where the event has them. The log holds at least what clients can still get.";

const CLEAR_EXAMPLES: &str = "\
Examples:
  systemctl stop fastapi-broadcaster.socket fastapi-broadcaster
  fastapi-broadcaster history clear --config /etc/fastapi-broadcaster/config.toml
  systemctl start fastapi-broadcaster.socket fastapi-broadcaster

Events that still wait in the queue although they were sent are sent again.";

/// `queue` may be missing where the directory of the log is configured.
pub(crate) fn run(queue: Option<&Path>, configured: Option<&Path>, command: HistoryCommand) -> anyhow::Result<()> {
    let owned = queue.filter(|queue| Reader::is_owned(queue));
    let log = match (queue, configured) {
        (Some(queue), configured) => LogOnDisk::of_queue(queue, configured)?,
        (None, Some(configured)) => LogOnDisk::in_directory(configured)?,
        (None, None) => bail!("neither a queue directory nor a history directory is given"),
    };
    match command {
        HistoryCommand::Stat => stat(&log, owned.is_some()),
        HistoryCommand::Show { channel, after, limit } => {
            show(&log, channel.as_deref(), after.as_deref(), limit.unwrap_or(u64::MAX))
        }
        HistoryCommand::Clear => {
            if let Some(queue) = owned {
                bail!(
                    "a broadcaster reads the queue directory {}: stop it first, and start it again afterwards",
                    shown(queue)
                );
            }
            let bytes = log.clear()?;
            Ok(writeln!(io::stdout(), "{}\tdeleted\t{bytes} bytes", shown(log.path()))?)
        }
    }
}

fn stat(log: &LogOnDisk, is_owned: bool) -> anyhow::Result<()> {
    // Its lock is tried only where a start cannot be held up by that.
    let is_in_use = is_owned || log.is_in_use();
    let summary = log.summary()?;
    let mut out = io::stdout().lock();
    writeln!(out, "directory\t{}", shown(log.path()))?;
    writeln!(out, "epoch\t{}", summary.epoch)?;
    let (first, last) =
        summary.numbers.map_or(("-".to_owned(), "-".to_owned()), |(first, last)| (first.to_string(), last.to_string()));
    writeln!(out, "first\t{first}")?;
    writeln!(out, "last\t{last}")?;
    writeln!(out, "trimmed\t{}", summary.trimmed)?;
    writeln!(out, "events\t{}", summary.events)?;
    writeln!(out, "for everybody\t{}", summary.events_for_everybody)?;
    writeln!(out, "channels\t{}", summary.channels)?;
    writeln!(out, "bytes\t{}", summary.bytes)?;
    writeln!(out, "on disk\t{}", summary.bytes_on_disk)?;
    let (oldest, newest) =
        summary.ages.map_or(("-".to_owned(), "-".to_owned()), |(oldest, newest)| (ago(oldest), ago(newest)));
    writeln!(out, "oldest\t{oldest}")?;
    writeln!(out, "newest\t{newest}")?;
    writeln!(out, "broadcaster\t{}", if is_in_use { "running" } else { "none" })?;
    // While it is written it is not closed, and needs not be.
    let closed = if summary.is_closed { "yes" } else { "no" };
    writeln!(out, "closed\t{}", if is_in_use { "in use" } else { closed })?;
    match summary.next_start {
        NextStart::Continues => writeln!(out, "next start\tcontinues it")?,
        NextStart::BeginsAnew(reason) => writeln!(out, "next start\tbegins anew: {}", printable(&reason))?,
        _ => writeln!(out, "next start\tnot known: it depends on the queue directory (--queue)")?,
    }
    Ok(())
}

fn show(log: &LogOnDisk, channel: Option<&str>, after: Option<&str>, limit: u64) -> anyhow::Result<()> {
    let channel: Option<ChannelName> = channel.map(str::parse).transpose()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut left = limit;
    let mut failed = Ok(());
    log.events(after, |event| {
        if channel.as_ref().is_some_and(|channel| !event.is_for(channel)) {
            return ControlFlow::Continue(());
        }
        let written = event.to_json().map_err(anyhow::Error::from);
        failed = written.and_then(|json| Ok(writeln!(out, "{}", message_in_one_line(&json))?));
        left -= 1;
        if failed.is_err() || left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failed?;
    // What is left in the buffer would be lost without an error.
    Ok(out.flush()?)
}
