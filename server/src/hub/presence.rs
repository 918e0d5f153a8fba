//! Who is on which presence channel of this server: users, each with one connection or several. Changed under the lock of
//! the hub's order, so that everybody gets who was there and who came and went in one order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use queue::ChannelName;

use crate::session_id::SessionId;

/// Somebody on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) user: Arc<str>,
    /// What others see of the user: JSON.
    pub(super) info: Option<Arc<str>>,
}

/// The presence channels that have members.
#[derive(Debug)]
pub(super) struct Presence {
    channels: HashMap<ChannelName, Members>,
    /// Bytes that the members of a channel may have.
    max_bytes: usize,
}

/// Who is on one channel.
#[derive(Debug, Default)]
struct Members {
    users: HashMap<Arc<str>, User>,
    /// Whose each connection is.
    sessions: HashMap<SessionId, Arc<str>>,
    /// Of users and what is seen of them, as messages have them.
    bytes: usize,
}

#[derive(Debug)]
struct User {
    /// As the first connection has said it.
    info: Option<Arc<str>>,
    connections: usize,
}

/// Bytes of a user in a message that lists all.
fn size(user: &str, info: Option<&str>) -> usize {
    // The name stands there twice, with what separates it.
    user.len() * 2 + info.map_or(4, str::len) + 8
}

impl Presence {
    /// The members of a channel have at most so many bytes: all are told in one message.
    pub(super) fn new(max_bytes: usize) -> Presence {
        Presence { channels: HashMap::new(), max_bytes }
    }

    /// Takes another bound. Those that are there stay.
    pub(super) fn set_max_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    /// Whether there is room for somebody on a channel.
    pub(super) fn has_room(&self, channel: &ChannelName, Member { user, info }: &Member) -> bool {
        self.channels.get(channel).is_none_or(|members| {
            members.users.contains_key(user) || members.bytes + size(user, info.as_deref()) <= self.max_bytes
        })
    }

    /// Notes a connection of somebody. Returns whether it is the user's first one.
    pub(super) fn join(&mut self, channel: &ChannelName, session: SessionId, member: &Member) -> bool {
        let Members { users, sessions, bytes } = self.channels.entry(channel.clone()).or_default();
        let Entry::Vacant(place) = sessions.entry(session) else { return false };
        place.insert(member.user.clone());
        let new = || User { info: member.info.clone(), connections: 0 };
        let user = users.entry(member.user.clone()).or_insert_with(new);
        user.connections += 1;
        if user.connections == 1 {
            *bytes += size(&member.user, member.info.as_deref());
        }
        user.connections == 1
    }

    /// Notes that a connection has left a channel. Returns the user whose last one it was.
    pub(super) fn leave(&mut self, channel: &ChannelName, session: SessionId) -> Option<Arc<str>> {
        let Members { users, sessions, bytes } = self.channels.get_mut(channel)?;
        let name = sessions.remove(&session)?;
        let user = users.get_mut(&name)?;
        user.connections -= 1;
        let is_last = user.connections == 0;
        if is_last {
            *bytes -= size(&name, user.info.as_deref());
            users.remove(&name);
            if users.is_empty() {
                self.channels.remove(channel);
            }
        }
        is_last.then_some(name)
    }

    /// Who a connection is on a channel.
    pub(super) fn user_of(&self, channel: &ChannelName, session: SessionId) -> Option<Arc<str>> {
        self.channels.get(channel)?.sessions.get(&session).cloned()
    }

    /// Who is on a channel, in no order. They are shared, not copied.
    pub(super) fn of(&self, channel: &ChannelName) -> Vec<Member> {
        let users = self.channels.get(channel).into_iter().flat_map(|members| &members.users);
        users.map(|(user, User { info, .. })| Member { user: user.clone(), info: info.clone() }).collect()
    }

    /// How many users are on a channel.
    pub(super) fn count(&self, channel: &ChannelName) -> usize {
        self.channels.get(channel).map_or(0, |members| members.users.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user: &str) -> Member {
        Member { user: user.into(), info: Some(format!("{{\"of\":{user}}}").into()) }
    }

    #[test]
    fn a_user_comes_with_the_first_connection_and_goes_with_the_last() {
        let (mut presence, channel) = (Presence::new(1000), "presence-a".parse::<ChannelName>().expect("a name"));
        assert!(presence.join(&channel, SessionId(1), &member("7")));
        assert!(!presence.join(&channel, SessionId(2), &member("7")));
        assert!(!presence.join(&channel, SessionId(2), &member("7")), "twice");
        assert!(presence.join(&channel, SessionId(3), &member("8")));
        assert_eq!(presence.count(&channel), 2);
        assert_eq!(presence.user_of(&channel, SessionId(2)).as_deref(), Some("7"));
        assert_eq!(presence.leave(&channel, SessionId(1)), None);
        assert_eq!(presence.leave(&channel, SessionId(1)), None, "twice");
        assert_eq!(presence.leave(&channel, SessionId(2)).as_deref(), Some("7"));
        assert_eq!(presence.of(&channel), [member("8")]);
        assert_eq!(presence.leave(&channel, SessionId(3)).as_deref(), Some("8"));
        assert!(presence.channels.is_empty());
        let mut small = Presence::new(30);
        assert!(small.join(&channel, SessionId(1), &member("7")));
        assert!(small.has_room(&channel, &member("7")) && !small.has_room(&channel, &member("8")));
        small.leave(&channel, SessionId(1));
        assert!(small.has_room(&channel, &member("8")));
        assert_eq!(presence.leave(&channel, SessionId(3)), None);
    }
}
