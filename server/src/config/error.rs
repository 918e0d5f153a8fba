//! Why settings are refused.

use super::value::Value;

/// Why settings are refused: a value is out of range, or does not go with another, or is missing.
#[derive(Debug, thiserror::Error)]
#[error("{key}{value}: {problem}", value = .value.as_ref().map_or_else(|| " is not set".to_owned(), |value| format!(" = {value}")))]
pub struct ConfigError {
    key: &'static str,
    value: Option<Value>,
    problem: String,
}

impl ConfigError {
    pub(super) fn new(key: &'static str, value: Value, problem: impl Into<String>) -> ConfigError {
        ConfigError { key, value: Some(value), problem: problem.into() }
    }

    /// A setting that has to be there.
    pub(super) fn missing(key: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError { key, value: None, problem: problem.into() }
    }

    /// The key as in the file; the flag has dashes.
    pub fn key(&self) -> &'static str {
        self.key
    }
}
