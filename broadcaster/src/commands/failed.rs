//! `fastapi-broadcaster failed ...`: a look after failed entries.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use queue::{Failed, FailedEntry, FailedError, FileName, InvalidFailedName, shown_bytes};
use serde_json::{Value, json};

use crate::output::ago;
use crate::progress;

/// `fastapi-broadcaster failed ...`
#[derive(Debug, Subcommand)]
pub(crate) enum FailedCommand {
    /// Lists the failed entries with their reasons, oldest first: name, size, age and reason, with tabs between
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print a JSON list instead
        #[arg(long)]
        json: bool,
    },
    /// Prints the content of a failed entry
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Name as listed, or the record as the log names it, such as <segment>.seg@64
        #[arg(value_parser = failed_name)]
        name: FileName,
        /// As it is, byte for byte, and not with control characters escaped
        #[arg(long)]
        raw: bool,
    },
    /// Puts entries back into the queue; they are broadcast if they are events now, and come back here if they are not
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(Selection),
    /// Deletes entries
    #[command(after_help = DROP_EXAMPLES)]
    Drop(Selection),
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster failed list --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed show 7.json --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed retry --all --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed drop 7.json 8.json --queue /var/lib/fastapi-broadcaster/queue

A failed entry is a file that was no event. It is kept in failed/ of the queue directory, with the reason beside it. \
A record of the journal that was none is kept as a file there, and put back as one. A file whose name ends in .seg \
could be no segment of the journal; it is put back into journal/.";

const LIST_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster failed list --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed list --config /etc/fastapi-broadcaster/config.toml | cut -f 1
  fastapi-broadcaster failed list --json --config /etc/fastapi-broadcaster/config.toml | jq -r '.[].reason'

With --json each item of the list has name, bytes, age_secs and reason. Later versions may add keys.";

const SHOW_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster failed show 7.json --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed show 7.json --raw --queue /var/lib/fastapi-broadcaster/queue >7.json";

const RETRY_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster failed retry 7.json 8.json --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed retry --all --queue /var/lib/fastapi-broadcaster/queue

\"put back\" says that the entry waits in the queue again, not that it was sent: the broadcaster reads it afterwards. One \
that still is no event is put aside again within moments. Correct it first, then look at failed list.";

const DROP_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster failed drop 7.json 8.json --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster failed drop --all --queue /var/lib/fastapi-broadcaster/queue";

/// Which failed entries are meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Selection {
    /// Names as listed
    #[arg(value_parser = failed_name)]
    names: Vec<FileName>,
    /// All of them
    #[arg(long)]
    all: bool,
}

pub(crate) fn failed(queue: &Path, command: FailedCommand) -> anyhow::Result<()> {
    let folder = Failed::open(queue)?;
    let mut out = io::stdout().lock();
    let Some(folder) = folder else {
        return match command {
            FailedCommand::Show { name, .. } => bail!("no entry has failed, so {name} has not"),
            FailedCommand::Retry(Selection { names, .. }) | FailedCommand::Drop(Selection { names, .. })
                if !names.is_empty() =>
            {
                bail!("no entry has failed, so {} has not", names[0])
            }
            FailedCommand::List { json: true } => Ok(writeln!(out, "[]")?),
            _ => Ok(()),
        };
    };
    match command {
        FailedCommand::List { json: true } => {
            let item = |FailedEntry { name, reason, bytes, age }: FailedEntry| json!({ "name": name.to_string(), "bytes": bytes, "age_secs": age.as_secs_f64(), "reason": reason });
            let list: Value = folder.list()?.into_iter().map(item).collect();
            writeln!(out, "{list}")?;
        }
        FailedCommand::List { json: false } => {
            for FailedEntry { name, reason, bytes, age } in folder.list()? {
                writeln!(out, "{name}\t{bytes} bytes\t{}\t{reason}", ago(age))?;
            }
        }
        FailedCommand::Show { name, raw } => {
            let content = folder.read(&folder.find(name)?)?;
            if raw {
                out.write_all(&content)?;
            } else {
                show(&mut out, &content)?;
            }
        }
        FailedCommand::Retry(selection) => for_each(selection.names(&folder)?, "put back", |name| folder.retry(name))?,
        FailedCommand::Drop(selection) => {
            for_each(selection.names(&folder)?, "deleted", |name| folder.drop_entry(name))?
        }
    }
    // What is left in the buffer would be lost without an error.
    out.flush()?;
    Ok(())
}

/// Does it for each and prints what was done. One that fails keeps no other from its turn.
fn for_each(
    names: Vec<FileName>,
    done: &str,
    act: impl Fn(&FileName) -> Result<(), FailedError>,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let mut failures = Vec::new();
    let bar = progress::of_entries(names.len());
    for name in names {
        match act(&name) {
            Ok(()) => bar.suspend(|| writeln!(out, "{name}\t{done}"))?,
            Err(error) => failures.push(error),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let others = failures.len().saturating_sub(1);
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) if others == 0 => Err(first.into()),
        Some(first) => Err(anyhow!("{first}; {others} others failed, too")),
    }
}

impl Selection {
    fn names(self, folder: &Failed) -> anyhow::Result<Vec<FileName>> {
        if self.all {
            return Ok(folder.list()?.into_iter().map(|entry| entry.name).collect());
        }
        self.names.into_iter().map(|name| Ok(folder.find(name)?)).collect()
    }
}

fn failed_name(text: &str) -> Result<FileName, InvalidFailedName> {
    FileName::of_failed(text)
}

/// Prints what somebody else has written: whatever it is, a terminal only shows it.
fn show(out: &mut impl Write, content: &[u8]) -> io::Result<()> {
    for piece in content.split_inclusive(|byte| matches!(byte, b'\n' | b'\t')) {
        let end = usize::from(matches!(piece.last(), Some(b'\n' | b'\t')));
        let (text, end) = piece.split_at(piece.len() - end);
        write!(out, "{}", shown_bytes(text))?;
        out.write_all(end)?;
    }
    Ok(())
}
