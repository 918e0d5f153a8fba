//! Which path is which endpoint. The prefix in front of `/apps/` is that of whatever is in front of the server, and
//! nobody has signed it.

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::refused::Refused;

/// What every path of the API has, with a slash behind.
const APPS: &str = "/apps";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    Events,
    BatchEvents,
    Channels,
    /// A channel, by its name.
    Channel(String),
    /// The users on a channel.
    Users(String),
    /// To end the connections of a user.
    TerminateConnections(String),
    Connections,
}

/// A path of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// From `/apps/` on: what was signed.
    pub(super) signed: &'a str,
    /// The id of the application.
    pub(super) app: &'a str,
    /// What is behind the id, without the slash.
    rest: &'a str,
}

impl<'a> Place<'a> {
    /// The place that a path names, if it is one of the API. A prefix may hold `/apps/` as well: where this application's
    /// id follows, the API begins.
    pub(super) fn of(path: &'a str, app: &str) -> Option<Place<'a>> {
        // Not the whole of it: the slash behind may be the one in front of the next.
        let places = || {
            path.match_indices(APPS).filter_map(|(at, _)| {
                let signed = &path[at..];
                let behind = signed[APPS.len()..].strip_prefix('/')?;
                let (app, rest) = behind.split_once('/').unwrap_or((behind, ""));
                Some(Place { signed, app, rest })
            })
        };
        places().find(|place| place.app == app).or_else(|| places().next())
    }

    /// The endpoint there.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Refused> {
        let parts: Vec<&str> = self.rest.splitn(4, '/').collect();
        match parts[..] {
            ["events"] => Ok(Endpoint::Events),
            ["batch_events"] => Ok(Endpoint::BatchEvents),
            ["connections"] => Ok(Endpoint::Connections),
            ["channels"] => Ok(Endpoint::Channels),
            ["channels", name] => Ok(Endpoint::Channel(decoded(name)?)),
            ["channels", name, "users"] => Ok(Endpoint::Users(decoded(name)?)),
            ["users", user, "terminate_connections"] => Ok(Endpoint::TerminateConnections(decoded(user)?)),
            _ => Err(Refused::new(
                StatusCode::NOT_FOUND,
                "there is nothing here: the paths below /apps/ID are events, batch_events, channels, channels/NAME, \
                 channels/NAME/users, users/ID/terminate_connections and connections",
            )),
        }
    }
}

impl Endpoint {
    /// As it is counted when a path is none of them.
    pub(super) const OTHER: &str = "/apps/other";

    /// As it is counted: the path as it is documented.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Endpoint::Events => "/apps/ID/events",
            Endpoint::BatchEvents => "/apps/ID/batch_events",
            Endpoint::Channels => "/apps/ID/channels",
            Endpoint::Channel(_) => "/apps/ID/channels/NAME",
            Endpoint::Users(_) => "/apps/ID/channels/NAME/users",
            Endpoint::TerminateConnections(_) => "/apps/ID/users/ID/terminate_connections",
            Endpoint::Connections => "/apps/ID/connections",
        }
    }

    /// The one method that it takes.
    pub(super) fn method(&self) -> Method {
        match self {
            Endpoint::Events | Endpoint::BatchEvents | Endpoint::TerminateConnections(_) => Method::POST,
            Endpoint::Channels | Endpoint::Channel(_) | Endpoint::Users(_) | Endpoint::Connections => Method::GET,
        }
    }
}

/// A part of a path as it is meant.
fn decoded(part: &str) -> Result<String, Refused> {
    match percent_decode_str(part).decode_utf8() {
        Ok(text) if !text.is_empty() && !text.contains(char::is_control) => Ok(text.into_owned()),
        _ => Err(Refused::bad("a name in the path is empty, or no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(path: &str) -> Option<Endpoint> {
        Place::of(path, "3").filter(|place| place.app == "3")?.endpoint().ok()
    }

    #[test]
    fn paths_are_found_behind_any_prefix() {
        for (path, expected) in [
            ("/apps/3/events", Endpoint::Events),
            ("/apps/3/batch_events", Endpoint::BatchEvents),
            ("/apps/3/connections", Endpoint::Connections),
            ("/pusher/apps/3/channels", Endpoint::Channels),
            ("/apps/x/apps/3/channels/a", Endpoint::Channel("a".to_owned())),
            ("/apps/apps/3/events", Endpoint::Events),
            ("/apps/3/channels/apps/users", Endpoint::Users("apps".to_owned())),
            ("/a/b/apps/3/channels/presence-a%40b", Endpoint::Channel("presence-a@b".to_owned())),
            ("/apps/3/users/a%2Fb%20c/terminate_connections", Endpoint::TerminateConnections("a/b c".to_owned())),
        ] {
            assert_eq!(endpoint(path), Some(expected), "{path}");
        }
        for path in [
            "/",
            "/apps",
            "/apps/",
            "/apps/3",
            "/apps/3/",
            "/apps/4/events",
            "/apps/3/events/",
            "/apps/3/channels/",
            "/apps/3/channels/a/b",
            "/apps/3/channels/a/users/",
            "/apps/3/users/terminate_connections",
            "/apps/3/users/%00/terminate_connections",
            "/apps/3/users/%ff/terminate_connections",
            "/xapps/3/events",
            "/apps/3events",
        ] {
            assert_eq!(endpoint(path), None, "{path}");
        }
    }

    #[test]
    fn what_was_signed_begins_at_apps() {
        assert_eq!(Place::of("/a/apps/3/events", "3").map(|place| place.signed), Some("/apps/3/events"));
        assert_eq!(Place::of("/apps/1/apps/3/x", "3").map(|place| place.signed), Some("/apps/3/x"));
        assert_eq!(Place::of("/apps/4/events", "3").map(|place| place.app), Some("4"));
    }
}
