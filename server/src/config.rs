//! The configuration: settings as users give them ([`settings`]: flags, environment, file, everything optional) and what was
//! decided from them ([`decide`], within the [`bounds`]): everything is set and checked once.

mod bounds;
mod decide;
mod error;
mod plain_words;
mod settings;

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use crate::allowance::Rates;
use crate::hub::SessionId;
use crate::origin::AllowedOrigins;

pub use bounds::whole;
pub use error::ConfigError;
pub use settings::{LogFormat, Settings};

/// Connections beside the clients, unless the limit of open files is low.
pub const MAX_SPARE_SLOTS: usize = 16;
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
    /// Who may connect.
    pub admission: Admission,
    /// How long clients may take to leave when the server stops.
    pub shutdown_grace: Duration,
    /// Threads of the hub.
    pub hub_threads: usize,
    /// How log lines of the broadcaster look. The log of `start()` is for people.
    pub log_format: LogFormat,
    /// What clients may cost the hub.
    pub limits: Limits,
}

/// Who may connect.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Clients at the same time.
    pub max_connections: usize,
    /// Connections beside those, only to answer health checks and to tell that the server is full.
    pub spare_slots: usize,
    /// Clients of one address at the same time.
    pub max_connections_per_address: Option<usize>,
    /// How long a client may take for its request.
    pub handshake_timeout: Duration,
    /// Largest head of a request, in bytes.
    pub max_header_bytes: usize,
    /// Pages that may connect.
    pub allowed_origins: AllowedOrigins,
    /// The lowest number that sockets of clients have, as far as the limit of open files permits. Code of the same process
    /// may need the lower ones.
    pub first_descriptor: RawFd,
}

/// What clients may cost the hub.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Encoded frames that are kept, in bytes.
    pub log_bytes: usize,
    /// How long a message may wait for one client.
    pub slow_client_timeout: Duration,
    /// Bytes that may wait for one client alone when its socket was offered them; four times that while it goes on reading.
    pub max_outbox_bytes: usize,
    /// Largest message of a client, in bytes.
    pub max_message_bytes: usize,
    /// What a client may send in a second.
    pub rates: Rates,
    /// Bytes that all clients together may hold: what waits for one alone, and messages that are not complete. Each thread of the
    /// hub has its part.
    pub max_memory: usize,
    /// How often a client is pinged.
    pub ping_interval: Duration,
    /// How long a client may take to answer a ping.
    pub pong_timeout: Duration,
    /// Whether events that clients send are broadcast.
    pub relay_client_events: bool,
}

impl Limits {
    /// How far the log may run ahead of clients that are waited for: a quarter of it, so that with one batch (as much at most) and
    /// one event more (at most half of it) the log still covers them.
    pub(crate) fn window(&self) -> u64 {
        self.log_bytes as u64 / 4
    }

    /// The ping interval of one session: up to a tenth shorter, so that clients that came together are not pinged together.
    pub(crate) fn ping_interval(&self, session: SessionId) -> Duration {
        self.ping_interval.mul_f64(1.0 - (session.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as f64 / 4.3e10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ping_intervals_differ_a_little() {
        let limits = Settings::default().resolve().expect("a config").limits;
        let intervals: std::collections::BTreeSet<Duration> =
            (0..100).map(|id| limits.ping_interval(SessionId(id << 32))).collect();
        assert!(intervals.len() > 50);
        assert!(intervals.iter().all(|interval| (22.4..=25.0).contains(&interval.as_secs_f64())));
    }
}
