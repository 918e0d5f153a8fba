//! From settings to the configuration: defaults, and what goes together.

use std::path::Path;

use toml::de::DeTable;

use super::bounds::{age, bytes, count, hub_threads, max_header_bytes, parse_listen, seconds, without_brackets};
use super::settings::line_at;
use super::{Config, ConfigError, Settings};
use crate::http_server::origin::{AllowedOrigins, Rule};
use crate::http_server::{Admission, MAX_SPARE_SLOTS};
use crate::hub::limits::Limits;
use crate::protocol::allowance::Rates;

impl Settings {
    /// Reads the file, if there is one, for what is not set here, and decides everything.
    ///
    /// # Errors
    /// When the file is refused or a value is out of range. Names the file unless these settings alone are to blame.
    pub fn resolve_with_file(self, path: Option<&Path>) -> Result<Config, ConfigError> {
        let Some(path) = path else { return self.resolve() };
        let file = Settings::from_file(path)?;
        self.clone().or(file).resolve().map_err(|error| match self.resolve() {
            Err(alone) if alone.to_string() == error.to_string() => error,
            _ => ConfigError::WithFile { path: path.to_owned(), line: line_of(path, &error), cause: Box::new(error) },
        })
    }

    /// Decides everything.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let (host, port) = match &self.listen {
            Some(listen) => parse_listen(listen)?,
            None => (self.host.map_or_else(|| "127.0.0.1".to_owned(), without_brackets), self.port.unwrap_or(8081)),
        };
        let max_event_bytes = bytes("max_event_bytes", self.max_event_bytes, 1024 * 1024)?;
        let log_bytes = bytes("log_bytes", self.log_bytes.map(|given| given as u64), Limits::DEFAULT_LOG_BYTES)?;
        if log_bytes < Limits::min_log_bytes(max_event_bytes) {
            let problem = "must be at least twice max_event_bytes, or one event could disconnect every client";
            return Err(ConfigError::value("log_bytes", log_bytes, problem));
        }
        let size = |key, given: Option<usize>, default| bytes(key, given.map(|given| given as u64), default);
        let hub_threads = hub_threads(self.hub_threads)?;
        let max_message_bytes = size("max_message_bytes", self.max_message_bytes, 65_536)?;
        let max_outbox_bytes = size("max_outbox_bytes", self.max_outbox_bytes, 1024 * 1024)?;
        let least_memory = max_message_bytes.max(max_outbox_bytes).saturating_mul(hub_threads as u64);
        // A user who raises what one client may take does not expect to have to raise this as well.
        let max_memory = size("max_memory", self.max_memory, least_memory.max(256 * 1024 * 1024))?;
        if max_memory < least_memory {
            let problem = "must be at least max_message_bytes and max_outbox_bytes for each of hub_threads";
            return Err(ConfigError::value("max_memory", max_memory, problem));
        }
        Ok(Config {
            queue: self.queue,
            host,
            port,
            shares_port: false,
            max_event_bytes,
            entry_grace: seconds("entry_grace_secs", self.entry_grace_secs, 5.0)?,
            scan_interval: seconds("scan_interval_secs", self.scan_interval_secs, 1.0)?,
            failed_max_entries: count("failed_max_entries", self.failed_max_entries, 10_000)?,
            failed_max_age: age("failed_max_age_secs", self.failed_max_age_secs, 30 * 24 * 60 * 60)?,
            admission: Admission {
                max_connections: count("max_connections", self.max_connections, 10_000)?,
                spare_slots: MAX_SPARE_SLOTS,
                max_connections_per_address: self
                    .max_connections_per_address
                    .map(|given| count("max_connections_per_address", Some(given), 1))
                    .transpose()?,
                handshake_timeout: seconds("handshake_timeout_secs", self.handshake_timeout_secs, 10.0)?,
                max_header_bytes: max_header_bytes(self.max_header_bytes)?,
                allowed_origins: AllowedOrigins::new(self.allowed_origins.unwrap_or_else(|| vec![Rule::SameHost])),
                first_descriptor: 0,
            },
            hub_threads,
            log_format: self.log_format.unwrap_or_default(),
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

/// The line of the file that sets the value that was refused, if one does.
fn line_of(path: &Path, error: &ConfigError) -> Option<usize> {
    let ConfigError::Value { key, .. } = error else { return None };
    let text = std::fs::read_to_string(path).ok()?;
    let table = DeTable::parse(&text).ok()?;
    let start = table.get_ref().iter().find(|(name, _)| name.get_ref() == key)?.0.span().start;
    Some(line_at(&text, start))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(text: &str) -> Settings {
        toml::from_str(text).expect("valid settings")
    }

    #[test]
    fn the_source_with_precedence_wins_key_by_key() {
        let first = settings("port = 1\nmax_connections = 5");
        let second = settings("port = 2\nhost = 'localhost'\nmax_connections = 6\nping_interval_secs = 3");
        let config = first.or(second).resolve().expect("a config");
        assert_eq!((config.host.as_str(), config.port, config.admission.max_connections), ("localhost", 1, 5));
        assert_eq!(config.limits.ping_interval, Duration::from_secs(3));
    }

    #[test]
    fn a_port_of_higher_precedence_wins_over_a_listen_of_lower_precedence() {
        let config = settings("port = 9000").or(settings("listen = '0.0.0.0:1'")).resolve().expect("a config");
        assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 9000));
    }

    #[test]
    fn an_address_may_have_the_brackets_of_a_url() {
        let host = |text| settings(text).resolve().expect("a config").host;
        assert_eq!((host("host = '[::1]'").as_str(), host("host = '::1'").as_str()), ("::1", "::1"));
        assert_eq!(host("host = '[name]'"), "[name]");
    }

    #[test]
    fn values_out_of_range_are_refused_by_key() {
        for (text, key) in [
            ("ping_interval_secs = 0", "ping_interval_secs"),
            ("pong_timeout_secs = nan", "pong_timeout_secs"),
            ("max_connections = 0", "max_connections"),
            ("log_bytes = 1000", "log_bytes"),
            ("max_connections = 1073741825", "max_connections"),
            ("max_event_bytes = 9223372036854775807", "max_event_bytes"),
            ("failed_max_age_secs = 9223372036854775807", "failed_max_age_secs"),
            ("max_header_bytes = 1000", "max_header_bytes"),
            ("max_header_bytes = 1048577", "max_header_bytes"),
            ("listen = '8081'", "listen"),
            ("listen = '::1:8081'", "listen"),
        ] {
            let error = settings(text).resolve().expect_err(text).to_string();
            assert!(error.starts_with(key), "{error}");
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
        assert!(error.ends_with(" (line 3 of the file)"), "{error}");
        assert!(resolve("ping_interval_secs = 1").is_ok());
        let error = resolve("ping_interval_secs = 0").expect_err("a time of nothing");
        assert!(error.starts_with("ping_interval_secs = 0: "), "{error}");
        // Neither would be wrong without the other.
        let error = resolve("log_bytes = 3_000_000\nping_interval_secs = 1").expect_err("a small log");
        assert!(error.starts_with(&format!("{named}log_bytes = 3000000: ")), "{error}");
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
    fn the_sample_file_lists_every_key_with_its_default() {
        let sample = include_str!("../../../broadcaster/config.example.toml");
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
