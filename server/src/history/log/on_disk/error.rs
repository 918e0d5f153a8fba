//! Why there is no log to look at, with what to do.

use std::io;
use std::path::PathBuf;

use queue::shown;
use thiserror::Error;

/// Why there is nothing to see, or to delete.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// There is no directory, or no log in it.
    #[error("there is no history log in {}: no broadcaster that keeps history has run with this directory, or the log \
         was deleted", shown(.0))]
    Missing(PathBuf),
    /// The path names a link, or something else.
    #[error("{} is a link or no directory, so it is no history directory", shown(.0))]
    NotADirectory(PathBuf),
    /// What has the log's name is none.
    #[error("{} is no history log, or its beginning is damaged: if it is one of the broadcaster's, move it away by hand",
        shown(.0))]
    NotALog(PathBuf),
    /// A newer program wrote it.
    #[error("the history log {} was written by a newer version: use the commands of that version", shown(.0))]
    NewerVersion(PathBuf),
    /// A record is not as it was written.
    #[error("the history log {} is damaged at byte {offset}: the next start of the broadcaster begins anew", shown(.path))]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
    },
    /// A process holds the directory.
    #[error("a broadcaster uses the history directory {}: stop it first, and start it again afterwards", shown(.0))]
    InUse(PathBuf),
    /// The position is of another log.
    #[error("{0} is no position of this history log: its ids begin with {1:016x}-")]
    UnknownPosition(String, u64),
    /// The system refused.
    #[error("cannot {doing} {}: {cause}", shown(.path))]
    Io {
        /// What was tried, after "cannot".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
}
