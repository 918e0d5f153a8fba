//! Why a connection ended before it became a session.

use std::io;

use thiserror::Error;

use crate::http_server::head::HeadError;
use crate::rights::Denial;

/// Why a connection ended before it became a session.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error("connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the client left before its request was complete")]
    Incomplete,
    #[error("it took too long")]
    TooLong,
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("the handshake is not valid: {0}")]
    Handshake(String),
    #[error("the request is not valid: {0}")]
    Request(String),
    #[error("the client has no right: {0}")]
    Denied(Denial),
    #[error("the hook has decided nothing")]
    NoAnswer,
    #[error("too many connections")]
    TooMany,
    #[error("plain HTTP: {0}")]
    Plain(#[from] hyper::Error),
}
