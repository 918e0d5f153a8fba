//! The configuration: settings as users give them ([`settings`]: flags, environment, file, everything optional) and what was
//! decided from them ([`decide`], within the [`bounds`]): everything is set and checked once.

mod bounds;
mod decide;
mod error;
mod plain_words;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use crate::http_server::Admission;
use crate::hub::limits::Limits;

pub use bounds::whole;
pub use error::ConfigError;
pub use settings::{LogFormat, Settings};

/// Largest head of a request, unless it is set: what nginx passes on by default.
pub(crate) const DEFAULT_MAX_HEADER_BYTES: usize = 32 * 1024;

/// What the server does: complete and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The queue directory, if the server drains one.
    pub queue: Option<PathBuf>,
    /// Address as given, a name allowed.
    pub host: String,
    /// Port; 0 lets the system choose.
    pub port: u16,
    /// Whether another broadcaster may still be listening on the port: the one that we take over from.
    pub shares_port: bool,
    /// Largest event in bytes.
    pub max_event_bytes: u64,
    /// How long an incomplete file may still be growing.
    pub entry_grace: Duration,
    /// How often the directory is read without a hint.
    pub scan_interval: Duration,
    /// Entries kept in the failed folder.
    pub failed_max_entries: usize,
    /// How long entries are kept in the failed folder.
    pub failed_max_age: Duration,
    /// How log lines of the broadcaster look. The log of `start()` is for people.
    pub log_format: LogFormat,
    /// Who may connect.
    pub admission: Admission,
    /// How long clients may take to leave when the server stops.
    pub shutdown_grace: Duration,
    /// Threads of the hub.
    pub hub_threads: usize,
    /// What clients may cost the hub.
    pub limits: Limits,
}
