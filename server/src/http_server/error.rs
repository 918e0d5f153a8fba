//! Why a connection ended before it became a session.

use std::io;

use thiserror::Error;

use crate::http_server::head::HeadError;
use crate::metrics::{AuthFailure, RefusedFor};
use crate::permit::TooMany;
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
    Denied(Denial, AuthFailure),
    #[error("it is of a page that may not connect: {0}")]
    Origin(String),
    #[error("it is meant for another server: {0}")]
    Host(String),
    #[error("the hook has decided nothing")]
    NoAnswer,
    #[error("too many connections")]
    TooMany(TooMany),
    #[error("plain HTTP: {0}")]
    Plain(#[from] hyper::Error),
}

impl HttpError {
    /// As what it is counted. `None`: it is no client that was refused.
    pub(super) fn refused_for(&self) -> Option<RefusedFor> {
        match self {
            HttpError::Io(_) | HttpError::Incomplete | HttpError::Plain(_) => None,
            HttpError::TooLong => Some(RefusedFor::Timeout),
            HttpError::Head(_) | HttpError::Handshake(_) | HttpError::Request(_) => Some(RefusedFor::BadRequest),
            HttpError::Denied(..) => Some(RefusedFor::Rights),
            HttpError::Origin(_) => Some(RefusedFor::Origin),
            HttpError::Host(_) => Some(RefusedFor::Host),
            HttpError::NoAnswer => Some(RefusedFor::Hook),
            HttpError::TooMany(TooMany::OfAddress) => Some(RefusedFor::Address),
            HttpError::TooMany(TooMany::Altogether) => Some(RefusedFor::Full),
        }
    }
}
