//! `fastapi-broadcaster publish`: queues an event from the shell, as `queueEvent()` does from PHP.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use queue::{EnqueueError, Writer, shown};
use serde_json::value::RawValue;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// Name of the event
    event: String,
    /// Payload as JSON, or - to read it from standard input
    #[arg(default_value = "null")]
    payload: String,
}

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster publish order.created '{\"id\": 7}' --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster publish greeting '\"a text has quotes of its own\"' --queue /var/lib/fastapi-broadcaster/queue
  jq . report.json | fastapi-broadcaster publish report - --queue /var/lib/fastapi-broadcaster/queue

Exit codes: 0 queued; 64 bad arguments or configuration, or a payload that is no JSON; 1 not queued.";

/// The payload cannot be one, whatever the state of the queue is.
#[derive(Debug)]
pub(crate) struct BadPayload(&'static str);

impl fmt::Display for BadPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

pub(crate) fn run(queue: &Path, max_event_bytes: u64, arguments: PublishArgs) -> anyhow::Result<()> {
    let mut payload = arguments.payload;
    if payload == "-" {
        payload = read_from(io::stdin().lock(), max_event_bytes)?;
    }
    let payload: &RawValue = serde_json::from_str(&payload)
        .context(BadPayload("the payload is not valid JSON; a text needs quotes of its own, as in '\"text\"'"))?;
    let name = serde_json::to_string(&arguments.event)?;
    let was_there = queue.exists();
    let queued = Writer::new(queue)
        .max_event_bytes(usize::try_from(max_event_bytes).unwrap_or(usize::MAX))
        .enqueue(name.as_bytes(), payload.get().as_bytes());
    match queued {
        Err(error @ EnqueueError::TooLarge { .. }) => bail!("{error} (max_event_bytes, FASTAPI_WS_MAX_EVENT_BYTES)"),
        queued => drop(queued?),
    }
    if !was_there {
        // The event is queued, whether or not somebody reads this.
        let _ = writeln!(io::stderr(), "fastapi-broadcaster: created {} (is --queue right?)", shown(queue));
    }
    Ok(())
}

/// Reads no more than one byte beyond the limit: the input may have no end.
fn read_from(input: impl Read, max_event_bytes: u64) -> anyhow::Result<String> {
    let mut payload = Vec::new();
    input
        .take(max_event_bytes.saturating_add(1))
        .read_to_end(&mut payload)
        .context("cannot read the payload from standard input")?;
    if payload.len() as u64 > max_event_bytes {
        bail!("the payload from standard input has more than {max_event_bytes} bytes (max_event_bytes)");
    }
    String::from_utf8(payload).context(BadPayload("the payload from standard input is not valid UTF-8"))
}
