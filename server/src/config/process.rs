//! Settings of the process: its end and its log.

use super::error::ConfigError;
use super::form::Form;
use super::setting::section;
use super::value::{LogFormat, Value};
use crate::log_level;

section! { "The process";
    shutdown_grace_secs: f64 = 10.0, Form::Seconds,
        "How long clients may take to leave when the server stops",
        reloads: true;
    log_format: LogFormat = LogFormat::Human, Form::Choice(LogFormat::WORDS),
        "How log lines on standard error look";
    log_level: String = "info".to_owned(), Form::Text,
        "What is logged: off, error, warn, info, debug or trace, and for single parts such as hyper=debug, with commas between",
        more: "A variable that is no level is ignored, with a warning.",
        variable: Some("RUST_LOG"),
        value_name: Some("LEVEL"),
        reloads: true;
}

/// What is logged.
pub(super) fn level(given: String) -> Result<String, ConfigError> {
    if log_level::is_level(&given) {
        return Ok(given);
    }
    let problem = "is no level: write off, error, warn, info, debug or trace, or parts with their level, such as \
                   info,hyper=debug";
    Err(ConfigError::new("log_level", Value::Text(given), problem))
}
