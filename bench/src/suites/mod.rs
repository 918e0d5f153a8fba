//! What is measured, table by table. Every suite lets its subjects take turns within each round.

mod broker;
mod channel_memory;
mod channels;
mod drain;
mod echo;
mod fairness;
mod fan_out;
mod fpm;
mod history;
mod http;
mod idle;
mod latency;
mod peers;
mod producers;
mod pusher;
mod queue_event;
mod resume;
mod scale;
mod slow;
mod sse;
mod subject;
mod threads;
mod tokens;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::machine::Cores;
use crate::peers::Programs;
use crate::report::Section;

/// A table to make.
type Suite = fn(&Plan) -> anyhow::Result<Section>;

/// All tables, by the name to ask for one.
pub(crate) const ALL: [(&str, Suite); 30] = [
    ("queue-event", queue_event::measure),
    ("fpm", fpm::measure),
    ("latency", latency::one_client),
    ("latency-journal", latency::one_client_of_journal),
    ("producers", producers::measure),
    ("batches", fan_out::batches),
    ("singles", fan_out::singles),
    ("builds", fan_out::builds),
    ("steady", latency::many_clients),
    ("idle", idle::measure),
    ("idle-journal", idle::journal),
    ("slow", slow::measure),
    ("echo", echo::measure),
    ("drain", drain::measure),
    ("scale", scale::measure),
    ("threads", threads::measure),
    ("peers", peers::measure),
    ("pusher", pusher::delivery),
    ("presence", pusher::presence),
    ("channels", channels::measure),
    ("fairness", fairness::measure),
    ("channel-memory", channel_memory::measure),
    ("tokens", tokens::measure),
    ("sse", sse::measure),
    ("history", history::measure),
    ("resume", resume::measure),
    ("forward", broker::forward::measure),
    ("nodes", broker::nodes::measure),
    ("broker-latency", broker::latency::measure),
    ("broker-peers", broker::peers::measure),
];

/// Those that a quick run makes only if they are asked for.
pub(crate) const ONLY_FULL: [&str; 18] = [
    "producers",
    "idle-journal",
    "scale",
    "threads",
    "peers",
    "pusher",
    "presence",
    "channels",
    "fairness",
    "channel-memory",
    "tokens",
    "sse",
    "history",
    "resume",
    "forward",
    "nodes",
    "broker-latency",
    "broker-peers",
];
/// Those that are made only if they are asked for: it takes another build.
pub(crate) const ONLY_ASKED: [&str; 1] = ["builds"];

/// How much is measured, and with what.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) cores: Cores,
    pub(crate) rounds: usize,
    pub(crate) full: bool,
    /// Only loads whose name has this in it, in tables that know it.
    pub(crate) load: Option<String>,
    pub(crate) extension: PathBuf,
    pub(crate) broadcaster: PathBuf,
    pub(crate) other_broadcaster: Option<PathBuf>,
    /// The folder of our PHP scripts.
    pub(crate) scripts: PathBuf,
    /// Where `on_disk` makes directories.
    pub(crate) disk: PathBuf,
    pub(crate) php: String,
    pub(crate) php_fpm: Option<String>,
    pub(crate) peers: Programs,
    /// What is deleted only when all is measured. For minutes after a deletion ext4 does not use the inode again, and
    /// every new file then takes longer, because it has to search for a free one.
    pub(crate) kept: RefCell<Vec<TempDir>>,
}

impl Plan {
    /// One of two values, by how much is measured.
    fn pick<T>(&self, quick: T, full: T) -> T {
        if self.full { full } else { quick }
    }

    /// Whether a load is to be measured.
    fn has_load(&self, name: &str) -> bool {
        self.load.as_deref().is_none_or(|wanted| name.contains(wanted))
    }

    /// A directory on the disk, removed when it is dropped.
    fn on_disk(&self) -> anyhow::Result<TempDir> {
        let made = tempfile::Builder::new().prefix("bench-").tempdir_in(&self.disk);
        made.with_context(|| format!("no directory in {}", self.disk.display()))
    }

    /// Delays the deletion of a directory.
    fn keep(&self, directory: TempDir) {
        self.kept.borrow_mut().push(directory);
    }

    /// How long one load lasts.
    fn load_time(&self) -> Duration {
        self.pick(Duration::from_millis(500), Duration::from_millis(1500))
    }
}

/// A directory in memory, removed when it is dropped.
pub(crate) fn in_memory() -> anyhow::Result<TempDir> {
    tempfile::Builder::new().prefix("bench-").tempdir_in("/dev/shm").context("no directory in /dev/shm")
}
