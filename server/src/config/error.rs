//! Why settings are refused.

use super::value::Value;

/// Why settings are refused: a value is out of range, or does not go with another.
#[derive(Debug, thiserror::Error)]
#[error("{key} = {value}: {problem}")]
pub struct ConfigError {
    key: &'static str,
    value: Value,
    problem: String,
}

impl ConfigError {
    pub(super) fn new(key: &'static str, value: Value, problem: impl Into<String>) -> ConfigError {
        ConfigError { key, value, problem: problem.into() }
    }

    /// The key as in the file; the flag has dashes.
    pub fn key(&self) -> &'static str {
        self.key
    }
}
