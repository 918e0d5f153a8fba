//! What a webhook can be told, and how that is written.

use std::sync::Arc;

use queue::ChannelName;
use serde::Serialize;

use crate::rights::WebhookEvent;

/// What has happened to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    /// It has its first subscriber.
    Occupied(ChannelName),
    /// It has lost its last subscriber.
    Vacated(ChannelName),
    /// A user has the first connection on it.
    MemberAdded { channel: ChannelName, user: Arc<str> },
    /// A user has lost the last connection on it.
    MemberRemoved { channel: ChannelName, user: Arc<str> },
    /// A client has sent an event to the others. `client` is the id of its socket.
    ClientEvent { channel: ChannelName, event: Box<str>, data: Box<str>, client: String, user: Option<Arc<str>> },
    /// Somebody has subscribed, and there is no last event.
    CacheMiss(ChannelName),
}

/// As Pusher writes it.
#[derive(Debug, Default, Serialize)]
struct Written<'a> {
    name: &'a str,
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

impl Happened {
    pub(super) fn event(&self) -> WebhookEvent {
        match self {
            Happened::Occupied(_) => WebhookEvent::ChannelOccupied,
            Happened::Vacated(_) => WebhookEvent::ChannelVacated,
            Happened::MemberAdded { .. } => WebhookEvent::MemberAdded,
            Happened::MemberRemoved { .. } => WebhookEvent::MemberRemoved,
            Happened::ClientEvent { .. } => WebhookEvent::ClientEvent,
            Happened::CacheMiss(_) => WebhookEvent::CacheMiss,
        }
    }

    pub(super) fn channel(&self) -> &ChannelName {
        match self {
            Happened::Occupied(channel) | Happened::Vacated(channel) | Happened::CacheMiss(channel) => channel,
            Happened::MemberAdded { channel, .. }
            | Happened::MemberRemoved { channel, .. }
            | Happened::ClientEvent { channel, .. } => channel,
        }
    }

    /// Bytes that it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        let texts = match self {
            Happened::MemberAdded { user, .. } | Happened::MemberRemoved { user, .. } => user.len(),
            Happened::ClientEvent { event, data, client, user, .. } => {
                event.len() + data.len() + client.len() + user.as_ref().map_or(0, |user| user.len())
            }
            _ => 0,
        };
        size_of::<Happened>() + self.channel().as_str().len() + texts
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut written = Written { name: self.event().name(), channel: self.channel().as_str(), ..Written::default() };
        match self {
            Happened::MemberAdded { user, .. } | Happened::MemberRemoved { user, .. } => written.user_id = Some(user),
            Happened::ClientEvent { event, data, client, user, .. } => {
                written.event = Some(event);
                written.data = Some(data);
                written.socket_id = Some(client);
                written.user_id = user.as_deref();
            }
            Happened::Occupied(_) | Happened::Vacated(_) | Happened::CacheMiss(_) => {}
        }
        serde_json::to_vec(&written).expect("texts and numbers can be written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_as_pusher_writes_it() {
        let channel: ChannelName = "presence-a".parse().expect("a name");
        let event = |user| Happened::ClientEvent {
            channel: channel.clone(),
            event: "client-x".into(),
            data: r#"{"a":"b"}"#.into(),
            client: "1.2".to_owned(),
            user,
        };
        for (happened, written) in [
            (Happened::Occupied(channel.clone()), r#"{"name":"channel_occupied","channel":"presence-a"}"#),
            (Happened::Vacated(channel.clone()), r#"{"name":"channel_vacated","channel":"presence-a"}"#),
            (Happened::CacheMiss(channel.clone()), r#"{"name":"cache_miss","channel":"presence-a"}"#),
            (
                Happened::MemberAdded { channel: channel.clone(), user: "7\"".into() },
                r#"{"name":"member_added","channel":"presence-a","user_id":"7\""}"#,
            ),
            (
                Happened::MemberRemoved { channel: channel.clone(), user: "7".into() },
                r#"{"name":"member_removed","channel":"presence-a","user_id":"7"}"#,
            ),
            (
                event(None),
                r#"{"name":"client_event","channel":"presence-a","event":"client-x","data":"{\"a\":\"b\"}","socket_id":"1.2"}"#,
            ),
            (
                event(Some("7".into())),
                r#"{"name":"client_event","channel":"presence-a","event":"client-x","data":"{\"a\":\"b\"}","socket_id":"1.2","user_id":"7"}"#,
            ),
        ] {
            assert_eq!(String::from_utf8(happened.to_json()).expect("text"), written);
        }
    }
}
