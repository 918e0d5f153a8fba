//! Settings as users give them: flags, environment, file. Everything is optional, nothing is decided.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;
use super::bounds::{number_of_seconds, whole};
use super::plain_words::in_plain_words;
use crate::http_server::origin::Rule;

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
    /// Pages that may connect: same-host, *, or origins such as https://example.com or https://*.example.com. Several with
    /// commas between, or the flag several times [default: same-host]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', env = "FASTAPI_WS_ALLOWED_ORIGINS")]
    pub allowed_origins: Option<Vec<Rule>>,
    /// How long a client may take for its request [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = number_of_seconds, env = "FASTAPI_WS_HANDSHAKE_TIMEOUT_SECS")]
    pub handshake_timeout_secs: Option<f64>,
    /// Largest head of a request: its first line and all headers, cookies among them [default: 32768]
    #[arg(long, value_name = "BYTES", value_parser = whole::<usize>, env = "FASTAPI_WS_MAX_HEADER_BYTES")]
    pub max_header_bytes: Option<usize>,
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
    /// Broadcast what a client sends as {"event":...,"payload":...}: every client can then send to all [default: false]
    #[arg(long, value_name = "BOOL", env = "FASTAPI_WS_RELAY_CLIENT_EVENTS")]
    pub relay_client_events: Option<bool>,
    /// How log lines on standard error look [default: human]
    #[arg(long, value_name = "FORMAT", env = "FASTAPI_WS_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines to read, coloured on a terminal
    #[default]
    Human,
    /// One JSON object a line
    Json,
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
            let number = error.span().map_or(1, |span| line_at(&text, span.start));
            let line = text.lines().nth(number - 1).unwrap_or_default().trim();
            let problem = format!("line {number}, `{line}`: {}", in_plain_words(&text, &error));
            ConfigError::Parse { path: path.to_owned(), problem }
        })
    }

    /// Fills what is not set here from other settings.
    #[must_use]
    pub fn or(self, other: Settings) -> Settings {
        // An address of higher precedence must not lose to a `listen` of lower precedence.
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
            max_header_bytes: self.max_header_bytes.or(other.max_header_bytes),
            ping_interval_secs: self.ping_interval_secs.or(other.ping_interval_secs),
            pong_timeout_secs: self.pong_timeout_secs.or(other.pong_timeout_secs),
            hub_threads: self.hub_threads.or(other.hub_threads),
            shutdown_grace_secs: self.shutdown_grace_secs.or(other.shutdown_grace_secs),
            relay_client_events: self.relay_client_events.or(other.relay_client_events),
            log_format: self.log_format.or(other.log_format),
        }
    }
}

/// The number of the line at an offset.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_mistake_is_refused_with_line_and_key() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("broadcaster.toml");
        for (text, expected) in [
            (
                "# comment\nping_interval_secs = 'soon'",
                "line 2, `ping_interval_secs = 'soon'`: must be a number of seconds",
            ),
            ("# comment\na = 1", "line 2, `a = 1`: unknown field `a`"),
            ("a = 1\nport = 1", "line 1, `a = 1`: unknown field `a`"),
            ("port = ", "line 1, `port =`: "),
        ] {
            std::fs::write(&path, text).expect("a file");
            let error = Settings::from_file(&path).expect_err(text).to_string();
            assert!(error.contains(expected) && error.contains("broadcaster.toml"), "{error}");
        }
    }
}
