//! Settings of history: what is kept for clients that come back.

use std::path::PathBuf;
use std::time::Duration;

use super::error::{ConfigError, Part};
use super::form::{Form, Unit};
use super::setting::section;
use super::settings::Settings;
use super::value::Value;
use crate::history::{ChannelRule, HistoryRules, Rule};

/// Events for everybody that are kept unless it is set.
const EVERYBODY: usize = 1_000;

section! { "History";
    history_events: usize = 100, Form::between(Unit::Count, 0, Unit::Count.most(), ""),
        "Events of each channel that are kept for clients that come back. 0: none",
        more: "The oldest go first. A client that comes back is told whether it gets all that it has missed.",
        reloads: true;
    history_events_everybody: usize, Form::between(Unit::Count, 0, Unit::Count.most(), ""),
        "Events for everybody that are kept for clients that come back. 0: none",
        default_in_words: Some("1000, or 0 if `history_events` is 0"),
        example: Some("1000"),
        reloads: true;
    history_ttl_secs: u64 = 300, Form::between(Unit::Seconds, 0, Unit::Seconds.most(), ""),
        "How long events are kept for clients that come back. 0: not at all",
        reloads: true;
    history_bytes: usize = 64 * 1024 * 1024, Form::between(Unit::Bytes, 0, Unit::Bytes.most(), ""),
        "Memory for all events that are kept for clients that come back, and as many bytes on disk. 0: none are kept",
        more: "Channels count too; those without events have a quarter of it at most, and beyond that the oldest are \
               forgotten. Events that wait in the queue stay on disk beyond it.",
        reloads: true;
    history_meta_secs: u64 = 24 * 60 * 60, Form::between(Unit::Seconds, 0, Unit::Seconds.most(), ""),
        "How long it is known of a channel whose events are gone that nothing came after them",
        default_in_words: Some("a day"),
        more: "Afterwards a client that was away is told that it may have missed something there.",
        reloads: true;
    channel: Vec<ChannelRule>, Form::ChannelRules,
        "What is kept of single channels, by names or patterns such as cursor.*. The first that matches counts",
        more: "In the file, a table `[[channel]]` for each, with `pattern`, and `history_events` or `history_ttl_secs` or both. \
               As a variable: `PATTERN history_events=1 history_ttl_secs=60`, `; ` between rules.",
        example: Some("[{ pattern = \"cursor.*\", history_events = 1, history_ttl_secs = 60 }]"),
        reloads: true;
    recover_limit: usize = 1_000, Form::at_least_one(Unit::Count),
        "Missed messages that a client gets at most when it comes back, of all its channels together. If it has missed more, it is \
         told that it may have missed something, and gets none",
        reloads: true;
    recover_bytes: usize = 512 * 1024, Form::at_least_one(Unit::Bytes),
        "Bytes of those messages",
        more: "At most `max_outbox_bytes`; the default is that where it is smaller.",
        reloads: true;
    history_dir: PathBuf, Form::Path,
        "Directory of the history log, which keeps history over restarts. Its parent must exist",
        more: "It belongs to the broadcaster's user, with the mode 0700, and is created if it is missing. Each broadcaster needs \
               one of its own. If it is restored from a backup, delete it.",
        default_in_words: Some("`history` in the queue directory"),
        example: Some("/var/lib/fastapi-broadcaster/history");
}

/// What is kept.
pub(super) fn rules(given: &Settings, values: &Values, max_outbox_bytes: usize) -> Result<HistoryRules, ConfigError> {
    let recover_bytes = match given.recover_bytes {
        None => values.recover_bytes.min(max_outbox_bytes),
        Some(given) if given > max_outbox_bytes => {
            let problem = [
                "must be at most ".into(),
                Part::Key("max_outbox_bytes"),
                ", or a client that comes back could be disconnected as slow".into(),
            ];
            return Err(ConfigError::new("recover_bytes", Value::Whole(given as u64), problem));
        }
        Some(given) => given,
    };
    let rule = |events: usize, seconds: u64| {
        let is_kept = seconds > 0 && values.history_bytes > 0;
        Rule { events: if is_kept { events } else { 0 }, age: Duration::from_secs(seconds) }
    };
    let (events, seconds) = (values.history_events, values.history_ttl_secs);
    let everybody = values.history_events_everybody.unwrap_or(if events == 0 { 0 } else { EVERYBODY });
    let of_pattern = |given: &ChannelRule| {
        let rule = rule(given.events.unwrap_or(events), given.seconds.unwrap_or(seconds));
        (given.pattern.clone(), rule)
    };
    Ok(HistoryRules {
        everybody: rule(everybody, seconds),
        channel: rule(events, seconds),
        patterns: values.channel.iter().flatten().map(of_pattern).collect(),
        max_bytes: values.history_bytes,
        meta_age: Duration::from_secs(values.history_meta_secs),
        recover_limit: values.recover_limit,
        recover_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(settings: Settings) -> HistoryRules {
        settings.resolve().expect("a config").history
    }

    #[test]
    fn history_is_off_where_nothing_would_be_kept() {
        let none = [
            Settings { history_events: Some(0), ..Settings::default() },
            Settings { history_ttl_secs: Some(0), ..Settings::default() },
            Settings { history_bytes: Some(0), ..Settings::default() },
        ];
        assert!(resolved(Settings::default()).keep_anything());
        for settings in none {
            assert!(!resolved(settings.clone()).keep_anything(), "{settings:?}");
        }
        let some = [
            Settings { history_events: Some(0), history_events_everybody: Some(1), ..Settings::default() },
            Settings {
                history_events: Some(0),
                channel: Some(vec!["a history_events=1".parse().expect("a rule")]),
                ..Settings::default()
            },
            Settings {
                history_ttl_secs: Some(0),
                channel: Some(vec!["a history_ttl_secs=1".parse().expect("a rule")]),
                ..Settings::default()
            },
        ];
        for settings in some {
            assert!(resolved(settings.clone()).keep_anything(), "{settings:?}");
        }
    }

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let rules = ["a.b history_events=7", "a.* history_ttl_secs=5"].map(|rule| rule.parse().expect("a rule"));
        let rules = resolved(Settings { channel: Some(rules.to_vec()), ..Settings::default() });
        let of = |name: Option<&str>| {
            let Rule { events, age } = rules.of(name.map(|name| name.parse().expect("a name")).as_ref());
            (events, age.as_secs())
        };
        assert_eq!(
            [of(Some("a.b")), of(Some("a.c")), of(Some("b")), of(None)],
            [(7, 300), (100, 5), (100, 300), (1000, 300)]
        );
    }

    #[test]
    fn what_comes_again_fits_where_it_waits() {
        let small = Settings { max_outbox_bytes: Some(1000), ..Settings::default() };
        assert_eq!(resolved(small.clone()).recover_bytes, 1000);
        let error = Settings { recover_bytes: Some(1001), ..small }.resolve().expect_err("too much").to_string();
        assert!(error.starts_with("recover_bytes = 1001: must be at most max_outbox_bytes"), "{error}");
    }
}
