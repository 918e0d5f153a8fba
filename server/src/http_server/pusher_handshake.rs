//! Which WebSocket handshakes are of the Pusher protocol, and why its clients are refused. Their libraries understand a
//! refusal only as a message on the connection, with a close code.

use crate::http_server::route_rule::path_of;
use crate::protocol::pusher::message::{self, ErrorCode};
use crate::protocol::{Closing, WebSocket};
use crate::rights::PusherApp;

/// The end of the path, before the application's key.
const PATH: &str = "/app/";
/// Versions of the protocol whose messages are the same.
const VERSIONS: std::ops::RangeInclusive<u32> = 5..=7;

/// Why a client of the protocol is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PusherRefusal {
    /// No application has this key.
    UnknownApp,
    /// It does not say which version it speaks.
    NoProtocol,
    /// It speaks another version.
    UnsupportedProtocol,
    /// There is no room for it.
    Full,
}

/// Whether a target is one of the protocol, with any prefix before: of a client that is let in, or refused.
pub(super) fn check(target: &str, app: &PusherApp) -> Option<Result<(), PusherRefusal>> {
    let (_, key) = path_of(target).rsplit_once(PATH)?;
    if key.is_empty() || key.contains('/') {
        return None;
    }
    if key != &*app.key {
        return Some(Err(PusherRefusal::UnknownApp));
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let protocol = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "protocol");
    Some(match protocol {
        None => Err(PusherRefusal::NoProtocol),
        Some((_, version)) if version.parse().is_ok_and(|version: u32| VERSIONS.contains(&version)) => Ok(()),
        Some(_) => Err(PusherRefusal::UnsupportedProtocol),
    })
}

impl PusherRefusal {
    /// What follows the response to the handshake.
    pub(super) fn frames(self) -> Vec<u8> {
        let (code, reason) = match self {
            PusherRefusal::UnknownApp => (ErrorCode::UnknownApp, "no application has this key"),
            PusherRefusal::NoProtocol => (ErrorCode::NoProtocol, "the parameter protocol is missing"),
            PusherRefusal::UnsupportedProtocol => {
                (ErrorCode::UnsupportedProtocol, "unsupported version of the protocol")
            }
            PusherRefusal::Full => (ErrorCode::OverCapacity, "server is full"),
        };
        let mut frames = message::error(Some(code), reason);
        frames.extend(WebSocket::close_frame(Closing { code: code as u16, reason }));
        frames
    }

    /// For the log.
    pub(super) fn problem(self) -> &'static str {
        match self {
            PusherRefusal::UnknownApp => "Pusher client with a key that no application has",
            PusherRefusal::NoProtocol => "Pusher client that names no version of the protocol",
            PusherRefusal::UnsupportedProtocol => "Pusher client of another version of the protocol",
            PusherRefusal::Full => "Pusher client, and the server is full",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_path_tells_clients_of_the_protocol() {
        let app: PusherApp = "id=1 key=k secret=s".parse().expect("an application");
        for (target, checked) in [
            ("/app/k?protocol=7&client=js&version=8.4.0", Some(Ok(()))),
            ("/any/prefix/app/k?client=js&protocol=5", Some(Ok(()))),
            ("http://host/app/k?protocol=7", Some(Ok(()))),
            ("/app/K?protocol=7", Some(Err(PusherRefusal::UnknownApp))),
            ("/app/k", Some(Err(PusherRefusal::NoProtocol))),
            ("/app/k?protocol=8", Some(Err(PusherRefusal::UnsupportedProtocol))),
            ("/app/k?protocol=x", Some(Err(PusherRefusal::UnsupportedProtocol))),
            ("/app/", None),
            ("/app", None),
            ("/app/k/x?protocol=7", None),
            ("/?x=/app/k", None),
        ] {
            assert_eq!(check(target, &app), checked, "{target}");
        }
    }
}
