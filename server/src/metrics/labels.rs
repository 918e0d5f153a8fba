//! The values of labels. Each has a closed list of values, so that the number of time series is bounded.

use crate::disconnect::Disconnect;
use crate::protocol::pusher::close_code;
use crate::protocol::{ClientKind, Protocol};
use crate::rights::Denial;

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// WebSocket, without channels: the messages of the pure-PHP server.
    Plain,
    /// WebSocket, with channels in the URL or in a token.
    Url,
    /// WebSocket with commands: `fastapi.v1`.
    Native,
    /// Server-sent events.
    Sse,
    /// The Pusher protocol.
    Pusher,
}

impl Spoken {
    pub(crate) const ALL: [Spoken; 5] = [Spoken::Plain, Spoken::Url, Spoken::Native, Spoken::Sse, Spoken::Pusher];

    pub(crate) fn of(protocol: &Protocol, kind: &ClientKind) -> Spoken {
        match (protocol, kind) {
            (Protocol::Sse(_), _) => Spoken::Sse,
            (Protocol::Pusher(_), _) | (_, ClientKind::Pusher) => Spoken::Pusher,
            (_, ClientKind::Plain | ClientKind::ApplicationOnly) => Spoken::Plain,
            (_, ClientKind::Channels { is_native: true, .. }) => Spoken::Native,
            (_, ClientKind::Channels { is_native: false, .. }) => Spoken::Url,
        }
    }

    /// As the label `protocol` has it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Spoken::Plain => "plain",
            Spoken::Url => "url",
            Spoken::Native => "native",
            Spoken::Sse => "sse",
            Spoken::Pusher => "pusher",
        }
    }
}

/// Close codes that the label `code` can have. All others, and the end without one, are [`OTHER_CODE`].
pub(crate) const CODES: [u16; 14] =
    [1000, 1001, 1002, 1007, 1008, 1009, 1013, 4008, 4009, 4100, 4201, 4401, 4403, 4429];
/// How a session is counted whose client has left, or whose connection broke.
pub(crate) const OTHER_CODE: &str = "other";

/// The place of a code among all values of its label. None: the end was not ours.
pub(super) fn code_index(spoken: Spoken, reason: Option<Disconnect>) -> usize {
    let code = reason.map(|reason| if spoken == Spoken::Pusher { close_code(reason) } else { reason.code() });
    CODES.iter().position(|known| Some(*known) == code).unwrap_or(CODES.len())
}

/// Why a connection did not become a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedFor {
    /// The server has all the clients that it may have.
    Full,
    /// The address has all the connections that it may have.
    Address,
    /// It is from a page that may not connect.
    Origin,
    /// It names a host that is another server's.
    Host,
    /// The request is not valid.
    BadRequest,
    /// The request did not come in time.
    Timeout,
    /// It has no right: the reason is counted as a failure of authentication as well.
    Rights,
    /// The hook has decided nothing, so it shall come back later.
    Hook,
    /// It named an event that has not come to this machine, and shall come back later.
    Ahead,
    /// The server stops.
    Stopping,
}

impl RefusedFor {
    /// All of them, in their order.
    pub const ALL: [RefusedFor; 10] = [
        RefusedFor::Full,
        RefusedFor::Address,
        RefusedFor::Origin,
        RefusedFor::Host,
        RefusedFor::BadRequest,
        RefusedFor::Timeout,
        RefusedFor::Rights,
        RefusedFor::Hook,
        RefusedFor::Ahead,
        RefusedFor::Stopping,
    ];

    /// As the label `reason` has it.
    pub fn label(self) -> &'static str {
        match self {
            RefusedFor::Full => "full",
            RefusedFor::Address => "address",
            RefusedFor::Origin => "origin",
            RefusedFor::Host => "host",
            RefusedFor::BadRequest => "bad_request",
            RefusedFor::Timeout => "timeout",
            RefusedFor::Rights => "rights",
            RefusedFor::Hook => "hook",
            RefusedFor::Ahead => "ahead",
            RefusedFor::Stopping => "stopping",
        }
    }
}

/// Why somebody was not let in, or may not have what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// There is no token, or one that is not valid.
    NotAuthenticated,
    /// The token has ended.
    TokenExpired,
    /// It is known who it is, and that is not enough.
    NotAllowed,
    /// The hook has said no.
    HookDenied,
    /// The hook gave no answer that could be understood, or none in time.
    HookFailed,
    /// Too many questions wait for the hook.
    HookBusy,
}

impl AuthFailure {
    /// All of them, in their order.
    pub const ALL: [AuthFailure; 6] = [
        AuthFailure::NotAuthenticated,
        AuthFailure::TokenExpired,
        AuthFailure::NotAllowed,
        AuthFailure::HookDenied,
        AuthFailure::HookFailed,
        AuthFailure::HookBusy,
    ];

    /// As the label `reason` has it.
    pub fn label(self) -> &'static str {
        match self {
            AuthFailure::NotAuthenticated => "not_authenticated",
            AuthFailure::TokenExpired => "token_expired",
            AuthFailure::NotAllowed => "not_allowed",
            AuthFailure::HookDenied => "hook_denied",
            AuthFailure::HookFailed => "hook_failed",
            AuthFailure::HookBusy => "hook_busy",
        }
    }
}

impl From<Denial> for AuthFailure {
    fn from(denial: Denial) -> AuthFailure {
        match denial {
            Denial::NotAuthenticated => AuthFailure::NotAuthenticated,
            Denial::Expired => AuthFailure::TokenExpired,
            Denial::NotAllowed => AuthFailure::NotAllowed,
        }
    }
}

/// What became of an event of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueResult {
    /// It went to the clients, or into the broker's stream.
    Sent,
    /// Nobody needed it any more.
    Expired,
    /// Another one with its key was sent.
    Duplicate,
    /// An entry that is no event.
    Rejected,
}

impl QueueResult {
    pub(crate) const ALL: [QueueResult; 4] =
        [QueueResult::Sent, QueueResult::Expired, QueueResult::Duplicate, QueueResult::Rejected];

    /// As the label `result` has it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            QueueResult::Sent => "sent",
            QueueResult::Expired => "expired",
            QueueResult::Duplicate => "duplicate",
            QueueResult::Rejected => "rejected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_the_order_of_their_numbers() {
        assert!(Spoken::ALL.iter().enumerate().all(|(index, it)| *it as usize == index));
        assert!(RefusedFor::ALL.iter().enumerate().all(|(index, it)| *it as usize == index));
        assert!(AuthFailure::ALL.iter().enumerate().all(|(index, it)| *it as usize == index));
        assert!(QueueResult::ALL.iter().enumerate().all(|(index, it)| *it as usize == index));
    }
}
