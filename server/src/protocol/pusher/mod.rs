//! The Pusher protocol, version 7: WebSocket, with text messages that are JSON objects. What clients ask for ([`command`]),
//! what they are told beside events ([`message`]), events as they get them ([`event`]), and names of channels that mean
//! something ([`channel`]).

pub(crate) mod channel;
pub(crate) mod command;
pub(crate) mod event;
pub(crate) mod message;

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::disconnect::Disconnect;
use crate::protocol::{Closing, WebSocket};

/// Client events that a client may send in a second. Pusher allows as many.
const CLIENT_EVENTS_PER_SEC: u32 = 10;

/// A client of the protocol.
#[derive(Debug)]
pub(crate) struct Pusher {
    pub(super) websocket: WebSocket,
    /// When all of its client events are available again.
    client_events_full_at: Instant,
}

impl Pusher {
    pub(super) fn new(websocket: WebSocket, now: Instant) -> Pusher {
        Pusher { websocket, client_events_full_at: now }
    }

    /// Takes what a client event costs. Returns false if the client has sent as many as it may.
    pub(crate) fn spend_client_event(&mut self, now: Instant) -> bool {
        let second = Duration::from_secs(1);
        let full_at = self.client_events_full_at.max(now) + second / CLIENT_EVENTS_PER_SEC;
        let is_allowed = full_at.saturating_duration_since(now) <= second;
        if is_allowed {
            self.client_events_full_at = full_at;
        }
        is_allowed
    }
}

/// What a JSON object says. Anything else is none, also a list of the values in their order.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    text.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// What ends a session of the protocol.
pub(super) fn closing(disconnect: Disconnect) -> Closing {
    Closing { code: close_code(disconnect), reason: disconnect.reason() }
}

/// The close code of a reason. Libraries of Pusher go by its ranges: after 4000 to 4099 they do not come back, after 4100
/// to 4199 they wait first, after 4200 to 4299 and all below 4000 they come back at once.
pub(crate) fn close_code(disconnect: Disconnect) -> u16 {
    match disconnect {
        Disconnect::Overloaded
        | Disconnect::Full
        | Disconnect::HookFailed
        | Disconnect::Slow
        | Disconnect::TooManyMessages => 4100,
        Disconnect::PingTimeout => 4201,
        Disconnect::NotAuthenticated | Disconnect::TokenExpired | Disconnect::NotAllowed => 4009,
        other => other.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_events_are_bounded_and_come_back() {
        let now = Instant::now();
        let mut client = Pusher::new(WebSocket::new(Vec::new(), 1024, now), now);
        assert!((0..10).all(|_| client.spend_client_event(now)));
        assert!(!client.spend_client_event(now));
        assert!(client.spend_client_event(now + Duration::from_millis(100)));
        assert!(!client.spend_client_event(now + Duration::from_millis(100)));
    }
}
