//! Why the history log cannot be used, with what to do.

use std::io;
use std::path::PathBuf;

use queue::shown;
use thiserror::Error;

/// Why a start cannot go on. Where only space is missing, it goes on without the log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The path names a link, or something else.
    #[error(
        "the history directory {path} is a link or no directory: move it away (the broadcaster creates a directory), or \
         name another one in history_dir", path = shown(.0)
    )]
    NotADirectory(PathBuf),
    /// The file that names what was forwarded is a link, or something else.
    #[error("{path} is a link or no file, and what was forwarded is to be noted in it: move it away (the broadcaster \
         creates a file)", path = shown(.0))]
    NotAFile(PathBuf),
    /// The directory that it would be in is missing.
    #[error("the history directory {} cannot be created: create the directory that it is in, or name another one in \
         history_dir", shown(.0))]
    NoParent(PathBuf),
    /// Another user can change what is in it.
    #[error(
        "the history directory {path} belongs to the user with the id {owner}, and this process runs as {user}: chown \
         {user} {path}, or move it away (the broadcaster creates one)", path = shown(.path)
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Others can read events that are not for them.
    #[error("the history directory {path} has the mode {mode:04o}, and only its owner may enter it: chmod 700 {path}",
        path = shown(.path))]
    OpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another process has it locked.
    #[error("the history directory {} is in use by another broadcaster: give each its own history_dir", shown(.0))]
    InUse(PathBuf),
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

impl HistoryError {
    /// Whether the same settings may work later.
    pub fn is_passing(&self) -> bool {
        match self {
            HistoryError::InUse(_) | HistoryError::NoParent(_) | HistoryError::Io { .. } => true,
            HistoryError::NotADirectory(_)
            | HistoryError::NotAFile(_)
            | HistoryError::NotOurs { .. }
            | HistoryError::OpenToOthers { .. } => false,
        }
    }

    /// Whether only space is missing.
    pub(super) fn is_full_disk(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};

        matches!(self, HistoryError::Io { cause, .. } if matches!(cause.kind(), StorageFull | QuotaExceeded))
    }
}

/// An append failed, and the log that lacks the batch could not be deleted: the batch must wait, and be appended again
/// later. A later start would give its numbers to other events.
#[derive(Debug, Error)]
#[error("cannot delete the incomplete history log {}: {cause}", shown(.path))]
pub(crate) struct CannotGiveUp {
    /// The log.
    pub(crate) path: PathBuf,
    /// The error of the system.
    #[source]
    pub(crate) cause: io::Error,
}
