//! Settings of the broker: what links several broadcasters.

use super::error::{ConfigError, Part};
use super::form::{Form, Unit};
use super::setting::section;
use super::settings::Settings;
use super::value::Value;
use crate::broker::{Address, BrokerOptions};
use crate::rights::Secret;

/// Longest prefix: it stands in the name of every key.
const MAX_PREFIX_BYTES: usize = 100;
/// In the file, the settings stand in a table of this name.
const TABLE: Option<&str> = Some("broker");

section! { "Several machines";
    broker_url: Secret, Form::Url,
        "Redis or Valkey that links several broadcasters. The flag shows a password in the URL to every user of the \
         machine: use the variable or the file",
        more: "Without it there is no broker, and `[broker]` in the file is an error. Characters other than letters, digits and -._~ of user and password are \
               percent-encoded (@ as %40).\n\
               - `redis://USER:PASSWORD@HOST:6379/DB`: one server; only HOST is needed, `redis://:PASSWORD@HOST` logs \
               in as the default user.\n\
               - `redis+unix:///PATH?db=DB&user=USER&pass=PASSWORD`: the same by a socket of the machine.\n\
               - `redis+sentinel://USER:PASSWORD@HOST:26379,HOST,HOST/MASTER/DB`: the master that sentinels name. \
               User and password are those of the master; sentinels that need them too: `?sentinel_username=` and \
               `&sentinel_password=`.\n\
               - `redis+cluster://USER:PASSWORD@HOST:6379,HOST`: some servers of a Redis Cluster. All keys are on one \
               of its masters.\n\
               - `rediss://`, `rediss+sentinel://`, `rediss+cluster://`: with TLS, and certificates that the system \
               trusts; `?ca=/FILE.pem` for another authority, `&cert=/FILE.pem&key=/FILE.pem` if the server asks for a \
               certificate.",
        example: Some("redis://127.0.0.1:6379"),
        table: TABLE;
    broker_prefix: String = "fastapi".to_owned(), Form::Text,
        "How the keys in Redis begin: letters, digits, -, _, dots and colons. Broadcasters with the same prefix share \
         their events",
        table: TABLE;
    broker_max_events: u64 = 1_000_000, Form::between(Unit::Count, 1_000, Unit::Count.most(), ""),
        "About how many events the stream in Redis keeps. The oldest go first",
        more: "A broadcaster that was away for longer tells its clients that they may have missed something.",
        table: TABLE;
    // Events of 512 bytes reach both bounds at the same time.
    broker_max_bytes: u64 = 512 * 1024 * 1024, Form::between(Unit::Bytes, 1024 * 1024, Unit::Bytes.most(), ""),
        "About how many bytes of events the stream in Redis keeps. The oldest go first",
        more: "Redis needs some more memory than that. Its `maxmemory` must be larger, and its `maxmemory-policy` must \
               be noeviction.",
        table: TABLE;
    broker_min_replicas: u32 = 0, Form::between(Unit::Count, 0, 100, ""),
        "Replicas of Redis that must have an event before it is deleted from the queue. 0: none",
        more: "Without it, a failover can lose events that Redis had confirmed; clients are then told that they may \
               have missed something.",
        table: TABLE;
}

/// Where the stream is, if there is one.
pub(super) fn options(given: &Settings, values: Values, relays: bool) -> Result<Option<BrokerOptions>, ConfigError> {
    let Some(url) = values.broker_url else { return without_url(given).map_or(Ok(None), Err) };
    let address = str::from_utf8(url.as_bytes())
        .map_err(|_| "is not valid UTF-8".to_owned())
        .and_then(|url| url.trim().parse::<Address>().map_err(|error| error.to_string()))
        .map_err(|problem| ConfigError::without_value("broker_url", problem))?;
    let prefix = values.broker_prefix;
    let is_of_prefix = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(is_of_prefix) {
        let problem = format!("must be 1 to {MAX_PREFIX_BYTES} letters, digits, -, _, . and :");
        return Err(ConfigError::new("broker_prefix", Value::Text(prefix), problem));
    }
    if relays {
        let problem = ["cannot be used together with ".into(), Part::Key("broker_url"), " so far".into()];
        return Err(ConfigError::new("relay_client_events", Value::Switch(true), problem));
    }
    Ok(Some(BrokerOptions {
        address,
        prefix,
        max_events: values.broker_max_events,
        max_bytes: values.broker_max_bytes,
        min_replicas: values.broker_min_replicas,
    }))
}

/// Who sets something of the broker believes that there is one.
fn without_url(given: &Settings) -> Option<ConfigError> {
    let setting = SECTION.settings.iter().find(|setting| setting.value(given).is_some())?;
    let problem = ["without it there is no broker, and ".into(), Part::Key(setting.key), " means nothing".into()];
    Some(ConfigError::missing("broker_url", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> Settings {
        Settings { broker_url: Some(Secret::new(url.as_bytes())), ..Settings::default() }
    }

    #[test]
    fn without_a_url_there_is_no_broker() {
        assert_eq!(Settings::default().resolve().unwrap().broker, None);
        let error = Settings { broker_min_replicas: Some(1), ..Settings::default() }.resolve().unwrap_err().to_string();
        assert_eq!(
            error,
            "broker.url is not set: without it there is no broker, and broker.min_replicas means nothing"
        );
    }

    #[test]
    fn with_a_url_the_rest_has_defaults() {
        let options = with_url(" redis://h ").resolve().unwrap().broker.unwrap();
        assert_eq!(options.stream_key(), "{fastapi}:events");
        assert_eq!((options.max_events, options.max_bytes, options.min_replicas), (1_000_000, 536_870_912, 0));
        assert_eq!(options.address, "redis://h".parse().unwrap());
    }

    #[test]
    fn a_wrong_url_is_not_shown() {
        let error = with_url("redis://user:s3cret@host:x").resolve().unwrap_err();
        assert_eq!(error.key(), "broker_url");
        let error = error.to_string();
        assert!(error.starts_with("broker.url: a port is no number") && !error.contains("s3cret"), "{error}");
        assert!(!format!("{:?}", with_url("redis://user:s3cret@host").resolve()).contains("s3cret"));
        assert!(!format!("{:?}", with_url("redis://user:s3cret@host")).contains("s3cret"));
    }

    #[test]
    fn a_prefix_has_no_braces() {
        for prefix in ["", "{x}", "a b", "ä", &"x".repeat(101)] {
            let settings = Settings { broker_prefix: Some(prefix.to_owned()), ..with_url("redis://h") };
            let error = settings.resolve().unwrap_err().to_string();
            assert!(error.starts_with("broker.prefix = ") && error.contains("must be 1 to 100 letters"), "{error}");
        }
        let settings = Settings { broker_prefix: Some("a-b_c.d:E1".to_owned()), ..with_url("redis://h") };
        assert_eq!(settings.resolve().unwrap().broker.unwrap().stream_key(), "{a-b_c.d:E1}:events");
    }

    #[test]
    fn events_of_clients_are_not_relayed_between_machines() {
        let settings = Settings { relay_client_events: Some(true), ..with_url("redis://h") };
        let error = settings.resolve().unwrap_err().to_string();
        assert_eq!(error, "relay_client_events = true: cannot be used together with broker.url so far");
    }
}
