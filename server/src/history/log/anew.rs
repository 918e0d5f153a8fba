//! Why a start does not continue the log that is there.

use std::fmt;
use std::io;

/// Why the numbers begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anew {
    /// There is no log.
    NoLog,
    /// What has its name is no log of ours, or the header is damaged.
    NotALog,
    /// A newer program wrote it.
    NewerVersion,
    /// The last process that sent events had another log, or none.
    AnotherEpoch,
    /// The file is a copy. What was appended to the original afterwards would be missing.
    Copied,
    /// The system was started again, and the log was not closed: what was not on disk is missing.
    NotClosed,
    /// A record is not as it was written.
    Damaged {
        /// Where it begins in the file.
        offset: u64,
    },
    /// The system refused to read or to write it.
    Failed(String),
}

impl fmt::Display for Anew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Anew::NoLog => formatter.write_str("there is no history log yet"),
            Anew::NotALog => formatter.write_str("the history log has no header that can be read"),
            Anew::NewerVersion => formatter.write_str("the history log was written by a newer version"),
            Anew::AnotherEpoch => formatter.write_str("events were sent since that are not in the history log"),
            Anew::Copied => formatter.write_str("the history log is a copy, and may lack what was sent since"),
            Anew::NotClosed => formatter
                .write_str("the system ended before the history log was closed, and may have lost a part of it"),
            Anew::Damaged { offset } => write!(formatter, "the history log is damaged at byte {offset}"),
            Anew::Failed(error) => write!(formatter, "the history log cannot be used: {error}"),
        }
    }
}

impl From<io::Error> for Anew {
    fn from(error: io::Error) -> Anew {
        Anew::Failed(error.to_string())
    }
}
