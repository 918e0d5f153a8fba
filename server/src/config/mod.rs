//! The configuration: settings as users give them ([`settings`]: flags, environment, file, everything optional) and
//! what was decided from them ([`decide`]): everything is set and checked once.
//!
//! A setting is declared in the file of its section: [`queue`], [`clients`], [`rights`], [`hook`], [`history`],
//! [`hub`], [`admin`], [`process`], [`pusher`], [`broker`]. There stand its key, type, default, bounds and help; its flag, its
//! variable, the sample file and the reference page follow from that.
//! Only its field in [`Settings`] is named again. This library reads neither configuration files nor command
//! lines; the files of keys it does.

mod admin;
mod broker;
mod clients;
mod contents;
mod decide;
mod decided;
mod error;
mod form;
mod history;
mod hook;
mod hub;
mod naming;
mod process;
mod pusher;
mod queue;
mod rights;
mod setting;
mod settings;
mod value;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::BrokerOptions;
use crate::history::HistoryRules;
use crate::http_server::{Admission, Entrance};
use crate::hub::limits::Limits;
use crate::rights::Rights;

pub use admin::AdminOptions;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use clients::DEFAULT_MAX_HEADER_BYTES;
pub use contents::Contents;
pub use decide::{HISTORY, RIGHTS, SECTIONS, all_settings};
pub use error::ConfigError;
pub use form::{Form, Unit, Whole};
pub use naming::{BroadcasterKeys, Naming};
pub use setting::{Section, Setting};
pub use settings::Settings;
pub use value::{LogFormat, Value};

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
    /// What is logged, as [`crate::log_level::filter`] takes it.
    pub log_level: String,
    /// Who may connect.
    pub admission: Admission,
    /// Who may read which channel.
    pub(crate) rights: Arc<Rights>,
    /// How a client is let in.
    pub(crate) entrance: Entrance,
    /// How long clients may take to leave when the server stops.
    pub shutdown_grace: Duration,
    /// Threads of the hub.
    pub hub_threads: usize,
    /// What clients may cost the hub.
    pub limits: Limits,
    /// What is kept for clients that come back.
    pub(crate) history: HistoryRules,
    /// The directory of the history log, unless it is in the queue directory.
    pub history_dir: Option<PathBuf>,
    /// How operators reach it, if they do.
    pub admin: AdminOptions,
    /// What links it to other broadcasters, if something does.
    pub broker: Option<BrokerOptions>,
}

impl Config {
    /// Sockets that the hook takes at most.
    pub fn hook_sockets(&self) -> usize {
        self.entrance.hook.as_ref().map_or(0, |hook| hook.concurrency)
    }

    /// Whether anything is kept for clients that come back.
    pub fn keeps_history(&self) -> bool {
        self.history.keep_anything()
    }
}
