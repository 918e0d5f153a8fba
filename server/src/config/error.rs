//! Why settings are refused.

use std::borrow::Cow;
use std::path::PathBuf;

use thiserror::Error;

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
        problem: Cow<'static, str>,
    },
    /// A value of the file is out of range, or does not go with one that was set elsewhere.
    #[error("with the configuration file {path}: {cause}{line}", path = .path.display(), line = in_line(*.line))]
    WithFile {
        /// The file.
        path: PathBuf,
        /// The line that sets the value, if one does.
        line: Option<usize>,
        /// Which value, and why.
        cause: Box<ConfigError>,
    },
}

impl ConfigError {
    pub(super) fn value(key: &'static str, value: impl ToString, problem: impl Into<Cow<'static, str>>) -> ConfigError {
        ConfigError::Value { key, value: value.to_string(), problem: problem.into() }
    }
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line} of the file)"))
}
