//! Settings as users give them (flags, environment, file: everything optional) and the configuration that follows from
//! them (everything decided, checked once).

use std::net::SocketAddr;
use std::num::{IntErrorKind, ParseIntError};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::allowance::Rates;
use crate::hub::{MAX_THREADS, SessionId};
use crate::origin::{AllowedOrigins, Rule};

/// Connections beside the clients, unless the limit of open files is low.
pub const MAX_SPARE_SLOTS: usize = 16;

/// What users may set. A flag wins over the environment, that over the file, that over the default.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Queue directory that PHP writes events to. It must exist and must not be writable by every user
    #[arg(long, short, value_name = "DIR", env = "FASTAPI_WS_QUEUE", global = true)]
    pub queue: Option<PathBuf>,
    /// Address and port for clients [default: 127.0.0.1:8081]
    #[arg(long, short, value_name = "ADDRESS:PORT", env = "FASTAPI_WS_LISTEN", global = true)]
    pub listen: Option<String>,
    /// Address alone, as the pure-PHP server's scripts set it; --listen wins
    #[arg(long, value_name = "ADDRESS", env = "WS_HOST")]
    pub host: Option<String>,
    /// Port alone, as the pure-PHP server's scripts set it; --listen wins
    #[arg(long, value_name = "PORT", env = "WS_PORT")]
    pub port: Option<u16>,
    /// Largest event in bytes, as a file; a larger one is put aside in failed/ [default: 1048576]
    #[arg(long, value_name = "BYTES", value_parser = whole::<u64>, env = "FASTAPI_WS_MAX_EVENT_BYTES")]
    pub max_event_bytes: Option<u64>,
    /// How long a file that is no complete event may still be growing before it is put aside [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_ENTRY_GRACE_SECS")]
    pub entry_grace_secs: Option<f64>,
    /// Entries kept in failed/; the oldest are deleted beyond it [default: 10000]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>, env = "FASTAPI_WS_FAILED_MAX_ENTRIES")]
    pub failed_max_entries: Option<usize>,
    /// How long entries are kept in failed/ [default: 2592000, 30 days]
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>, env = "FASTAPI_WS_FAILED_MAX_AGE_SECS")]
    pub failed_max_age_secs: Option<u64>,
    /// How often the directory is read even if the file system reports nothing [default: 1]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_SCAN_INTERVAL_SECS")]
    pub scan_interval_secs: Option<f64>,
    /// Encoded messages that are kept for clients that are behind; who falls further behind is disconnected as slow
    /// [default: 16777216]
    #[arg(long, value_name = "BYTES", value_parser = whole::<usize>, env = "FASTAPI_WS_LOG_BYTES")]
    pub log_bytes: Option<usize>,
    /// How long a message may wait for one client before that client is disconnected as slow [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_SLOW_CLIENT_TIMEOUT_SECS")]
    pub slow_client_timeout_secs: Option<f64>,
    /// Bytes that may wait for one client alone: pongs and answers; four times that while it reads [default: 1048576]
    #[arg(long, value_name = "BYTES", value_parser = whole::<usize>, env = "FASTAPI_WS_MAX_OUTBOX_BYTES")]
    pub max_outbox_bytes: Option<usize>,
    /// Largest message of a client [default: 65536]
    #[arg(long, value_name = "BYTES", value_parser = whole::<usize>, env = "FASTAPI_WS_MAX_MESSAGE_BYTES")]
    pub max_message_bytes: Option<usize>,
    /// Messages that a client may send in a second, fragments and pings among them; it is read from more slowly beyond that; 0 for
    /// any number [default: 100]
    #[arg(long, value_name = "COUNT", env = "FASTAPI_WS_MAX_MESSAGES_PER_SEC")]
    pub max_messages_per_sec: Option<u32>,
    /// Bytes that a client may send in a second; it is read from more slowly beyond that; 0 for any number [default: 1048576]
    #[arg(long, value_name = "BYTES", env = "FASTAPI_WS_MAX_BYTES_PER_SEC")]
    pub max_bytes_per_sec: Option<u32>,
    /// Memory for all clients together, for what waits for one alone and messages that are not complete, a part for each of
    /// hub_threads; beyond it those that hold most are disconnected [default: 268435456]
    #[arg(long, value_name = "BYTES", value_parser = whole::<usize>, env = "FASTAPI_WS_MAX_MEMORY")]
    pub max_memory: Option<usize>,
    /// Clients at the same time; further ones are told that the server is full [default: 10000]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>, env = "FASTAPI_WS_MAX_CONNECTIONS")]
    pub max_connections: Option<usize>,
    /// Clients of one address at the same time. Leave it off behind a proxy: all clients have its address [default: none]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>, env = "FASTAPI_WS_MAX_CONNECTIONS_PER_ADDRESS")]
    pub max_connections_per_address: Option<usize>,
    /// Pages that may connect: same-host, * or origins such as https://example.com [default: same-host]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', env = "FASTAPI_WS_ALLOWED_ORIGINS")]
    pub allowed_origins: Option<Vec<Rule>>,
    /// How long a client may take for its request [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_HANDSHAKE_TIMEOUT_SECS")]
    pub handshake_timeout_secs: Option<f64>,
    /// How often each client is pinged [default: 25]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_PING_INTERVAL_SECS")]
    pub ping_interval_secs: Option<f64>,
    /// How long a client may take to answer a ping [default: 20]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_PONG_TIMEOUT_SECS")]
    pub pong_timeout_secs: Option<f64>,
    /// Threads that write to clients, each with some of them [default: one for each processor, at most 4]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>, env = "FASTAPI_WS_HUB_THREADS")]
    pub hub_threads: Option<usize>,
    /// How long clients may take to leave when the server stops [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_SHUTDOWN_GRACE_SECS")]
    pub shutdown_grace_secs: Option<f64>,
    /// Broadcast what a client sends as {"event":...,"payload":...}: every client can then speak to all [default: false]
    #[arg(long, value_name = "BOOL", env = "FASTAPI_WS_RELAY_CLIENT_EVENTS")]
    pub relay_client_events: Option<bool>,
}

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

/// Why settings are refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {cause}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is not TOML, or has an unknown key or a wrong value.
    #[error("in the configuration file {path}: {problem}", path = .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what, on one line.
        problem: String,
    },
    /// A value is out of range.
    #[error("{key} = {value}: {problem}")]
    Value {
        /// The key as in the file; the flag has dashes.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// A value of the file is out of range, or does not go with one that was set elsewhere.
    #[error("with the configuration file {path}: {cause}", path = .path.display())]
    WithFile {
        /// The file.
        path: PathBuf,
        /// Which value, and why.
        cause: Box<ConfigError>,
    },
}

impl Settings {
    /// Reads settings from a TOML file.
    ///
    /// # Errors
    /// When the file cannot be read or has an unknown key or a value of the wrong type.
    pub fn from_file(path: &Path) -> Result<Settings, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        toml::from_str(&text).map_err(|error| {
            // The message alone does not say at which key; the line does.
            let number = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            let line = text.lines().nth(number - 1).unwrap_or_default().trim();
            let problem = format!("line {number}, `{line}`: {}", error.message().replace('\n', " "));
            ConfigError::Parse { path: path.to_owned(), problem }
        })
    }

    /// Fills what is not set here from other settings.
    #[must_use]
    pub fn or(self, other: Settings) -> Settings {
        // An address of a stronger source must not lose to a `listen` of a weaker one.
        let addressed = self.listen.is_some() || self.host.is_some() || self.port.is_some();
        Settings {
            queue: self.queue.or(other.queue),
            listen: if addressed { self.listen } else { other.listen },
            host: self.host.or(other.host),
            port: self.port.or(other.port),
            max_event_bytes: self.max_event_bytes.or(other.max_event_bytes),
            entry_grace_secs: self.entry_grace_secs.or(other.entry_grace_secs),
            scan_interval_secs: self.scan_interval_secs.or(other.scan_interval_secs),
            log_bytes: self.log_bytes.or(other.log_bytes),
            slow_client_timeout_secs: self.slow_client_timeout_secs.or(other.slow_client_timeout_secs),
            max_outbox_bytes: self.max_outbox_bytes.or(other.max_outbox_bytes),
            max_message_bytes: self.max_message_bytes.or(other.max_message_bytes),
            max_messages_per_sec: self.max_messages_per_sec.or(other.max_messages_per_sec),
            max_bytes_per_sec: self.max_bytes_per_sec.or(other.max_bytes_per_sec),
            max_memory: self.max_memory.or(other.max_memory),
            failed_max_entries: self.failed_max_entries.or(other.failed_max_entries),
            failed_max_age_secs: self.failed_max_age_secs.or(other.failed_max_age_secs),
            max_connections: self.max_connections.or(other.max_connections),
            max_connections_per_address: self.max_connections_per_address.or(other.max_connections_per_address),
            allowed_origins: self.allowed_origins.or(other.allowed_origins),
            handshake_timeout_secs: self.handshake_timeout_secs.or(other.handshake_timeout_secs),
            ping_interval_secs: self.ping_interval_secs.or(other.ping_interval_secs),
            pong_timeout_secs: self.pong_timeout_secs.or(other.pong_timeout_secs),
            hub_threads: self.hub_threads.or(other.hub_threads),
            shutdown_grace_secs: self.shutdown_grace_secs.or(other.shutdown_grace_secs),
            relay_client_events: self.relay_client_events.or(other.relay_client_events),
        }
    }

    /// Reads the file, if there is one, for what is not set here, and decides everything.
    ///
    /// # Errors
    /// When the file is refused or a value is out of range. Names the file unless these settings alone are to blame.
    pub fn resolve_with_file(self, path: Option<&Path>) -> Result<Config, ConfigError> {
        let Some(path) = path else { return self.resolve() };
        let file = Settings::from_file(path)?;
        self.clone().or(file).resolve().map_err(|error| match self.resolve() {
            Err(alone) if alone.to_string() == error.to_string() => error,
            _ => ConfigError::WithFile { path: path.to_owned(), cause: Box::new(error) },
        })
    }

    /// Decides everything.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let (host, port) = match &self.listen {
            Some(listen) => parse_listen(listen)?,
            None => (self.host.unwrap_or_else(|| "127.0.0.1".to_owned()), self.port.unwrap_or(8081)),
        };
        let max_event_bytes = positive("max_event_bytes", self.max_event_bytes, 1024 * 1024)?;
        let log_bytes = positive("log_bytes", self.log_bytes.map(|bytes| bytes as u64), 16 * 1024 * 1024)?;
        if log_bytes < 2 * max_event_bytes {
            let problem = "must be at least twice max_event_bytes, or one event could disconnect every client";
            return Err(ConfigError::Value { key: "log_bytes", value: log_bytes.to_string(), problem });
        }
        let count = |key, given: Option<usize>, default| positive(key, given.map(|value| value as u64), default);
        let hub_threads = hub_threads(self.hub_threads)?;
        let max_message_bytes = count("max_message_bytes", self.max_message_bytes, 65_536)?;
        let max_outbox_bytes = count("max_outbox_bytes", self.max_outbox_bytes, 1024 * 1024)?;
        let least_memory = max_message_bytes.max(max_outbox_bytes).saturating_mul(hub_threads as u64);
        // Whoever raises what one client may take does not expect that he has to raise this as well.
        let max_memory = count("max_memory", self.max_memory, least_memory.max(256 * 1024 * 1024))?;
        if max_memory < least_memory {
            let problem = "must be at least max_message_bytes and max_outbox_bytes for each of hub_threads";
            return Err(ConfigError::Value { key: "max_memory", value: max_memory.to_string(), problem });
        }
        Ok(Config {
            queue: self.queue,
            host,
            port,
            shares_port: false,
            max_event_bytes,
            entry_grace: seconds("entry_grace_secs", self.entry_grace_secs, 5.0)?,
            scan_interval: seconds("scan_interval_secs", self.scan_interval_secs, 1.0)?,
            failed_max_entries: count("failed_max_entries", self.failed_max_entries, 10_000)? as usize,
            failed_max_age: Duration::from_secs(positive(
                "failed_max_age_secs",
                self.failed_max_age_secs,
                30 * 24 * 60 * 60,
            )?),
            admission: Admission {
                max_connections: count("max_connections", self.max_connections, 10_000)? as usize,
                spare_slots: MAX_SPARE_SLOTS,
                max_connections_per_address: self
                    .max_connections_per_address
                    .map(|given| count("max_connections_per_address", Some(given), 1))
                    .transpose()?
                    .map(|count| count as usize),
                handshake_timeout: seconds("handshake_timeout_secs", self.handshake_timeout_secs, 10.0)?,
                allowed_origins: AllowedOrigins::new(self.allowed_origins.unwrap_or_else(|| vec![Rule::SameHost])),
                first_descriptor: 0,
            },
            hub_threads,
            shutdown_grace: seconds("shutdown_grace_secs", self.shutdown_grace_secs, 10.0)?,
            limits: Limits {
                log_bytes: log_bytes as usize,
                slow_client_timeout: seconds("slow_client_timeout_secs", self.slow_client_timeout_secs, 10.0)?,
                max_outbox_bytes: max_outbox_bytes as usize,
                max_message_bytes: max_message_bytes as usize,
                rates: Rates {
                    messages: Some(self.max_messages_per_sec.unwrap_or(100)).filter(|rate| *rate > 0),
                    bytes: Some(self.max_bytes_per_sec.unwrap_or(1024 * 1024)).filter(|rate| *rate > 0),
                },
                max_memory: max_memory as usize,
                ping_interval: seconds("ping_interval_secs", self.ping_interval_secs, 25.0)?,
                pong_timeout: seconds("pong_timeout_secs", self.pong_timeout_secs, 20.0)?,
                relay_client_events: self.relay_client_events.unwrap_or(false),
            },
        })
    }
}

/// Parses a number of bytes, clients or the like on the command line.
///
/// # Errors
/// When it is no number, 0 or too large.
pub fn whole<T: FromStr<Err = ParseIntError> + Default + PartialEq>(text: &str) -> Result<T, &'static str> {
    match text.parse::<T>() {
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err("is too large"),
        Ok(number) if number != T::default() => Ok(number),
        _ => Err("must be a whole number of at least 1"),
    }
}

/// Parses a number of seconds on the command line. Its range is that of the file's, see [`Settings::resolve`].
fn number_of_seconds(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "must be a number of seconds, such as 0.5")
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

fn parse_listen(listen: &str) -> Result<(String, u16), ConfigError> {
    let problem = "must be ADDRESS:PORT, for example 127.0.0.1:8081 or [::1]:8081";
    let refuse = || ConfigError::Value { key: "listen", value: listen.to_owned(), problem };
    if let Ok(address) = listen.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    let (host, port) = listen.rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() || host.contains(':') {
        return Err(refuse());
    }
    Ok((host.to_owned(), port))
}

fn hub_threads(given: Option<usize>) -> Result<usize, ConfigError> {
    let problem = "must be 1 to 64";
    match given {
        // More rarely help, and every one keeps a log. A processor that we may not use does not count.
        None => Ok(std::thread::available_parallelism().map_or(1, |processors| processors.get().min(4))),
        Some(threads) if (1..=MAX_THREADS).contains(&threads) => Ok(threads),
        Some(threads) => Err(ConfigError::Value { key: "hub_threads", value: threads.to_string(), problem }),
    }
}

fn positive(key: &'static str, given: Option<u64>, default: u64) -> Result<u64, ConfigError> {
    match given.unwrap_or(default) {
        0 => Err(ConfigError::Value { key, value: "0".to_owned(), problem: "must be at least 1" }),
        value => Ok(value),
    }
}

fn seconds(key: &'static str, given: Option<f64>, default: f64) -> Result<Duration, ConfigError> {
    let secs = given.unwrap_or(default);
    let problem = "must be a number of seconds above 0, at most a day";
    if secs > 0.0 && secs <= 86_400.0 {
        Ok(Duration::from_secs_f64(secs))
    } else {
        Err(ConfigError::Value { key, value: secs.to_string(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        toml::from_str(text).expect("valid settings")
    }

    #[test]
    fn the_hub_has_between_1_and_64_threads() {
        let threads = |text| settings(text).resolve().map(|config| config.hub_threads);
        assert!((1..=4).contains(&threads("").expect("a default")));
        assert_eq!(threads("hub_threads = 64").expect("a number in range"), 64);
        for text in ["hub_threads = 0", "hub_threads = 65"] {
            assert!(threads(text).is_err_and(|error| error.to_string().contains("must be 1 to 64")), "{text}");
        }
    }

    #[test]
    fn the_stronger_source_wins_key_by_key() {
        let strong = settings("port = 1\nmax_connections = 5");
        let weak = settings("port = 2\nhost = 'localhost'\nmax_connections = 6\nping_interval_secs = 3");
        let config = strong.or(weak).resolve().expect("a config");
        assert_eq!((config.host.as_str(), config.port, config.admission.max_connections), ("localhost", 1, 5));
        assert_eq!(config.limits.ping_interval, Duration::from_secs(3));
    }

    #[test]
    fn a_stronger_port_wins_over_a_weaker_listen() {
        let config = settings("port = 9000").or(settings("listen = '0.0.0.0:1'")).resolve().expect("a config");
        assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 9000));
    }

    #[test]
    fn values_out_of_range_are_refused_by_key() {
        for (text, key) in [
            ("ping_interval_secs = 0", "ping_interval_secs"),
            ("pong_timeout_secs = nan", "pong_timeout_secs"),
            ("max_connections = 0", "max_connections"),
            ("log_bytes = 1000", "log_bytes"),
            ("listen = '8081'", "listen"),
            ("listen = '::1:8081'", "listen"),
        ] {
            let error = settings(text).resolve().expect_err(text).to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_line_and_key() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("broadcaster.toml");
        for (text, told) in [
            ("# comment\nping_interval_secs = 'soon'", "line 2, `ping_interval_secs = 'soon'`: invalid type"),
            ("a = 1\nport = 1", "line 1, `a = 1`: unknown field `a`"),
            ("port = ", "line 1, `port =`: "),
        ] {
            std::fs::write(&path, text).expect("a file");
            let error = Settings::from_file(&path).expect_err(text).to_string();
            assert!(error.contains(told) && error.contains("broadcaster.toml"), "{error}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_the_file_that_it_stands_in() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("broadcaster.toml");
        std::fs::write(&path, "max_event_bytes = 2_000_000\nport = 1\nping_interval_secs = -1").expect("a file");
        let resolve = |text| settings(text).resolve_with_file(Some(&path)).map_err(|error| error.to_string());
        let named = format!("with the configuration file {}: ", path.display());
        let error = resolve("").expect_err("a negative time");
        assert!(error.starts_with(&format!("{named}ping_interval_secs = -1: must be")), "{error}");
        assert!(resolve("ping_interval_secs = 1").is_ok());
        let error = resolve("ping_interval_secs = 0").expect_err("a time of nothing");
        assert!(error.starts_with("ping_interval_secs = 0: "), "{error}");
        // Neither would be wrong without the other.
        let error = resolve("log_bytes = 3_000_000\nping_interval_secs = 1").expect_err("a small log");
        assert!(error.starts_with(&format!("{named}log_bytes = 3000000: ")), "{error}");
    }

    #[test]
    fn addresses_may_be_names_and_of_both_families() {
        assert_eq!(parse_listen("localhost:80").ok(), Some(("localhost".to_owned(), 80)));
        assert_eq!(parse_listen("[::1]:80").ok(), Some(("::1".to_owned(), 80)));
    }

    #[test]
    fn ping_intervals_differ_a_little() {
        let limits = Settings::default().resolve().expect("a config").limits;
        let intervals: std::collections::BTreeSet<Duration> =
            (0..100).map(|id| limits.ping_interval(SessionId(id << 32))).collect();
        assert!(intervals.len() > 50);
        assert!(intervals.iter().all(|interval| (22.4..=25.0).contains(&interval.as_secs_f64())));
    }

    #[test]
    fn the_sample_file_lists_every_key_with_its_default() {
        let sample = include_str!("../config.example.toml");
        let listed: String = sample
            .lines()
            .filter_map(|line| line.strip_prefix("#"))
            .filter(|line| line.contains(" = "))
            .map(|line| format!("{line}\n"))
            .collect();
        let config = format!("{:?}", settings(&listed).resolve().expect("a config").limits);
        assert_eq!(config, format!("{:?}", Settings::default().resolve().expect("a config").limits));
        let all = format!("{:?}", settings(&listed));
        assert_eq!(all.matches("None").count(), 3, "every key but host, port and the limit per address: {all}");
    }
}
