//! Why settings are refused.

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
