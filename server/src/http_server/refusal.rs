//! Why a request does not become a client.

use http::StatusCode;

use crate::http_server::hook::NoAnswer;
use crate::metrics::AuthFailure;
use crate::permit::TooMany;
use crate::rights::Denial;

/// Why a request does not become a client.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request is not valid, and no right would change that.
    Request { status: StatusCode, problem: String },
    /// It is from a page that may not connect.
    Origin { problem: String },
    /// It is meant for another server.
    Host { problem: String },
    /// The sender has no right; as what that is counted.
    Denied(Denial, AuthFailure),
    /// There is no room for it.
    TooMany(TooMany),
    /// The hook has decided nothing. It may come back.
    NoAnswer,
}

impl Refusal {
    /// A request that does not say clearly what is wanted.
    pub(super) fn bad_request(problem: impl Into<String>) -> Refusal {
        Refusal::Request { status: StatusCode::BAD_REQUEST, problem: problem.into() }
    }
}

/// What a program is answered that has no right.
impl From<Denial> for StatusCode {
    fn from(denial: Denial) -> StatusCode {
        match denial {
            Denial::NotAllowed => StatusCode::FORBIDDEN,
            Denial::NotAuthenticated | Denial::Expired => StatusCode::UNAUTHORIZED,
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Refusal {
        Refusal::Denied(denial, denial.into())
    }
}

impl From<TooMany> for Refusal {
    fn from(too_many: TooMany) -> Refusal {
        Refusal::TooMany(too_many)
    }
}

impl From<NoAnswer> for Refusal {
    fn from(NoAnswer: NoAnswer) -> Refusal {
        Refusal::NoAnswer
    }
}
