//! Why the hook has decided nothing. Nobody is let in then.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::http_server::hook::answer::AnswerError;
use crate::http_server::hook::excerpt::LOOKED_AT;
use crate::http_server::hook::records::RecordError;
use crate::metrics::AuthFailure;

/// Why the hook has decided nothing.
#[derive(Debug, Error)]
pub(crate) enum HookFailure {
    #[error("{0} clients wait for an answer already (auth_hook_queue)")]
    QueueFull(usize),
    #[error("all questions that may be asked at a time are without an answer for {}s (auth_hook_concurrency)", .0.as_secs_f64())]
    Busy(Duration),
    #[error("no answer within {}s (auth_hook_timeout_secs)", .0.as_secs_f64())]
    TooLong(Duration),
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("cannot use TLS: {0}")]
    Tls(String),
    #[error("the request cannot be passed on: {0}")]
    Request(#[from] http::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the connection ended before the answer")]
    Ended,
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Records(#[from] RecordError),
    /// With the beginning of what was answered.
    #[error("{0}")]
    Answer(AnswerError, Vec<u8>),
    #[error("the server stops")]
    Stopped,
}

impl HookFailure {
    /// An answer that is none.
    pub(super) fn answer(error: AnswerError, answer: &[u8]) -> HookFailure {
        HookFailure::Answer(error, answer[..answer.len().min(LOOKED_AT)].to_owned())
    }

    /// What was answered, if something was.
    pub(super) fn answered(&self) -> &[u8] {
        if let HookFailure::Answer(_, answer) = self { answer } else { &[] }
    }

    /// As what it is counted.
    pub(super) fn kind(&self) -> AuthFailure {
        match self {
            HookFailure::QueueFull(_) | HookFailure::Busy(_) => AuthFailure::HookBusy,
            _ => AuthFailure::HookFailed,
        }
    }
}
