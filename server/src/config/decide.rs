//! From settings to the configuration: defaults, bounds, and what goes together.

use std::sync::Arc;
use std::time::Duration;

use super::setting::{Section, Setting};
use super::{
    Config, ConfigError, Settings, admin, broker, clients, history, hook, hub, process, pusher, queue, rights,
};

/// The section of channels and tokens.
pub const RIGHTS: Section = rights::SECTION;
/// The section of what is kept for clients that come back.
pub const HISTORY: Section = history::SECTION;
/// Every section. In the file, keys in a table come after all others, so the section of the broker is the last.
pub const SECTIONS: [Section; 10] = [
    queue::SECTION,
    clients::SECTION,
    RIGHTS,
    hook::SECTION,
    pusher::SECTION,
    HISTORY,
    hub::SECTION,
    admin::SECTION,
    process::SECTION,
    broker::SECTION,
];

/// Every setting, by section.
pub fn all_settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

impl Settings {
    /// Fills what is not set here from other settings.
    #[must_use]
    pub fn or(mut self, mut other: Settings) -> Settings {
        // An address of higher precedence must not lose to a `listen` of lower precedence.
        if self.host.is_some() || self.port.is_some() {
            other.listen = None;
        }
        for setting in all_settings() {
            if (setting.get)(&self).is_none()
                && let Some(value) = (setting.get)(&other)
            {
                setting.set(&mut self, value);
            }
        }
        self
    }

    /// Forgets all about rights, also those of operators: for what needs no keys, and runs as a user who may not read
    /// them.
    #[must_use]
    pub fn without_rights(self) -> Settings {
        self.for_operators().without_operators()
    }

    /// Forgets the rights of clients: for who talks to the admin listener.
    #[must_use]
    pub fn for_operators(self) -> Settings {
        self.without(&RIGHTS).without(&hook::SECTION).without(&pusher::SECTION)
    }

    /// Whether clients are let in by keys, by a hook or by an application, and not just everybody.
    pub fn has_login(&self) -> bool {
        let has_key = [&self.token_secret_file, &self.token_public_key_file].iter().any(|files| files.is_some());
        has_key || self.token_secret.is_some() || self.auth_hook.is_some() || self.app.is_some()
    }

    /// Forgets the admin listener: for who makes tokens of clients.
    #[must_use]
    pub fn without_operators(self) -> Settings {
        self.without(&admin::SECTION)
    }

    fn without(mut self, section: &Section) -> Settings {
        for setting in section.settings {
            setting.unset(&mut self);
        }
        self
    }

    /// Decides everything.
    ///
    /// # Errors
    /// When a value is out of range or does not go with another.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        all_settings().try_for_each(|setting| setting.check(&self))?;
        let (queue, clients) = (queue::Values::of(&self), clients::Values::of(&self));
        let (hub, process) = (hub::Values::of(&self), process::Values::of(&self));
        let (rights, hook) = (rights::Values::of(&self), hook::Values::of(&self));
        let history = history::Values::of(&self);
        let (host, port) = clients::address(&self, &clients)?;
        let hub_threads = hub::threads(&hub);
        let admin = admin::options(admin::Values::of(&self), (&host, port))?;
        let channel_limits = rights::limits(&rights, &clients);
        let app = pusher::app(pusher::Values::of(&self))?;
        let rights = rights::rights(rights, hook.auth_hook.is_some(), app)?;
        Ok(Config {
            queue: queue.queue,
            host,
            port,
            shares_port: false,
            max_event_bytes: queue.max_event_bytes,
            entry_grace: Duration::from_secs_f64(queue.entry_grace_secs),
            scan_interval: Duration::from_secs_f64(queue.scan_interval_secs),
            failed_max_entries: queue.failed_max_entries,
            failed_max_age: Duration::from_secs(queue.failed_max_age_secs),
            limits: hub::limits(&self, &hub, hub_threads, queue.max_event_bytes, channel_limits)?,
            admission: clients::admission(clients),
            history: history::rules(&self, &history, hub.max_outbox_bytes)?,
            history_dir: history.history_dir,
            admin,
            broker: broker::options(&self, broker::Values::of(&self), hub.relay_client_events)?,
            hub_threads,
            entrance: hook::entrance(hook, &rights)?,
            rights: Arc::new(rights),
            shutdown_grace: Duration::from_secs_f64(process.shutdown_grace_secs),
            log_format: process.log_format,
            log_level: process::level(process.log_level)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::Secret;

    fn settings() -> Settings {
        Settings::default()
    }

    #[test]
    fn the_source_with_precedence_wins_key_by_key() {
        let first = Settings { port: Some(1), max_connections: Some(5), ..settings() };
        let second = Settings {
            port: Some(2),
            host: Some("localhost".to_owned()),
            max_connections: Some(6),
            ping_interval_secs: Some(3.0),
            ..settings()
        };
        let config = first.or(second).resolve().expect("a config");
        assert_eq!((config.host.as_str(), config.port, config.admission.max_connections), ("localhost", 1, 5));
        assert_eq!(config.limits.ping_interval, Duration::from_secs(3));
    }

    #[test]
    fn a_port_of_higher_precedence_wins_over_a_listen_of_lower_precedence() {
        let listen = Settings { listen: Some("0.0.0.0:1".to_owned()), ..settings() };
        let config = Settings { port: Some(9000), ..settings() }.or(listen).resolve().expect("a config");
        assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 9000));
    }

    #[test]
    fn an_address_may_have_the_brackets_of_a_url() {
        let host =
            |text: &str| Settings { host: Some(text.to_owned()), ..settings() }.resolve().expect("a config").host;
        assert_eq!((host("[::1]").as_str(), host("::1").as_str()), ("::1", "::1"));
        assert_eq!(host("[name]"), "[name]");
    }

    #[test]
    fn values_out_of_range_are_refused_by_key() {
        let largest = i64::MAX as u64;
        for (given, key) in [
            (Settings { ping_interval_secs: Some(0.0), ..settings() }, "ping_interval_secs"),
            (Settings { pong_timeout_secs: Some(f64::NAN), ..settings() }, "pong_timeout_secs"),
            (Settings { max_connections: Some(0), ..settings() }, "max_connections"),
            (Settings { log_bytes: Some(1000), ..settings() }, "log_bytes"),
            (Settings { max_connections: Some(1_073_741_825), ..settings() }, "max_connections"),
            (Settings { max_event_bytes: Some(largest), ..settings() }, "max_event_bytes"),
            (Settings { failed_max_age_secs: Some(largest), ..settings() }, "failed_max_age_secs"),
            (Settings { max_header_bytes: Some(1000), ..settings() }, "max_header_bytes"),
            (Settings { max_header_bytes: Some(1_048_577), ..settings() }, "max_header_bytes"),
            (Settings { listen: Some("8081".to_owned()), ..settings() }, "listen"),
            (Settings { listen: Some("::1:8081".to_owned()), ..settings() }, "listen"),
        ] {
            let error = given.resolve().expect_err(key);
            assert_eq!(error.key(), key);
            assert!(error.to_string().starts_with(&format!("{key} = ")), "{error}");
        }
    }

    #[test]
    fn the_hub_has_between_1_and_64_threads() {
        let threads = |hub_threads| Settings { hub_threads, ..settings() }.resolve().map(|config| config.hub_threads);
        assert!((1..=4).contains(&threads(None).expect("a default")));
        assert_eq!(threads(Some(64)).expect("a number in range"), 64);
        for given in [0, 65] {
            assert!(threads(Some(given)).is_err_and(|error| error.to_string().contains("must be 1 to 64")), "{given}");
        }
    }

    #[test]
    fn every_setting_is_declared_once_with_a_default_in_its_bounds() {
        let mut defaults = settings();
        for setting in all_settings() {
            assert!((setting.get)(&defaults).is_none(), "{} is declared twice", setting.key);
            let value = setting.default().or_else(|| (setting.get)(&filled()));
            setting.set(&mut defaults, value.unwrap_or_else(|| panic!("{} is not filled", setting.key)));
        }
        let kept = format!("{defaults:?}");
        assert!(!kept.contains("None"), "a field that no section declares: {kept}");
        defaults.resolve().expect("defaults that are in their bounds");
    }

    /// Those without a default.
    fn filled() -> Settings {
        Settings {
            queue: Some("/queue".into()),
            host: Some("::1".to_owned()),
            port: Some(1),
            max_connections_per_address: Some(1),
            token_secret: Some(vec![Secret::new(*b"0123456789abcdef0123456789abcdef")]),
            token_secret_file: Some(Vec::new()),
            token_public_key_file: Some(Vec::new()),
            token_audience: Some("us".to_owned()),
            token_issuer: Some("us".to_owned()),
            public_channels: Some(Vec::new()),
            max_subscriptions: Some(1),
            auth_hook: Some(Secret::new(*b"http://localhost/")),
            trusted_proxies: Some(Vec::new()),
            route: Some(Vec::new()),
            app: Some(Vec::new()),
            history_events_everybody: Some(1),
            channel: Some(Vec::new()),
            history_dir: Some("/history".into()),
            hub_threads: Some(1),
            admin_listen: Some("127.0.0.1:9611".to_owned()),
            admin_token: Some(vec![Secret::new(*b"0123456789abcdef")]),
            admin_token_file: Some(Vec::new()),
            admin_hosts: Some(Vec::new()),
            broker_url: Some(Secret::new(*b"redis://localhost")),
            ..settings()
        }
    }
}
