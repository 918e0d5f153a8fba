//! Why a request to the API is not done: a status, and a sentence for people.

use std::time::Instant;

use http::StatusCode;
use queue::printable;
use tracing::{info, warn};

use crate::http_server::refusal::Refusal;
use crate::log_limit::SharedLogLimit;

/// Characters of a sentence that the log shows. One can have all that was sent in it.
const MAX_SHOWN: usize = 300;

/// Why a request is not done. Nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) sentence: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, sentence: impl Into<String>) -> Refused {
        Refused { status, sentence: sentence.into() }
    }

    /// The request does not say clearly what is wanted.
    pub(super) fn bad(sentence: impl Into<String>) -> Refused {
        Refused::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// It is not signed by the application's server.
    pub(super) fn unauthorized(sentence: impl Into<String>) -> Refused {
        Refused::new(StatusCode::UNAUTHORIZED, sentence)
    }

    /// It is valid, and cannot be done now.
    pub(super) fn unavailable(sentence: impl Into<String>) -> Refused {
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
    }
}

/// Of a request that the gate does not let in.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        match refusal {
            Refusal::Request { status, problem } => Refused::new(status, problem),
            Refusal::Origin { problem } => Refused::new(StatusCode::FORBIDDEN, problem),
            Refusal::Host { problem } => Refused::new(StatusCode::MISDIRECTED_REQUEST, problem),
            // The gate looks at host and origin alone.
            Refusal::Denied(..) | Refusal::TooMany(_) | Refusal::NoAnswer => {
                Refused::new(StatusCode::FORBIDDEN, "not allowed".to_owned())
            }
        }
    }
}

/// What the log says of requests that were not done: a line a second of each kind.
#[derive(Debug)]
pub(super) struct RefusalLog {
    unauthorized: SharedLogLimit,
    unavailable: SharedLogLimit,
    other: SharedLogLimit,
}

impl Default for RefusalLog {
    fn default() -> RefusalLog {
        let limit = SharedLogLimit::every_second;
        RefusalLog { unauthorized: limit(), unavailable: limit(), other: limit() }
    }
}

impl RefusalLog {
    pub(super) fn note(&self, endpoint: &'static str, refused: &Refused) {
        let status = refused.status.as_u16();
        let limit = match refused.status {
            StatusCode::UNAUTHORIZED => &self.unauthorized,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR => &self.unavailable,
            _ => &self.other,
        };
        let Some(suppressed) = limit.allow(Instant::now()) else { return };
        let shown: String = refused.sentence.chars().take(MAX_SHOWN).collect();
        let reason = printable(&shown);
        if refused.status.is_server_error() || refused.status == StatusCode::UNAUTHORIZED {
            warn!(endpoint, status, %reason, suppressed, "a request to the Pusher API is not done");
        } else {
            info!(endpoint, status, %reason, suppressed, "a request to the Pusher API is not done");
        }
    }
}
