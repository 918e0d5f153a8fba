//! What operators ask of the hub: ending connections and subscriptions, and which channels have subscribers. Each
//! thread of the hub does its part in pieces between its turns ([`crate::hub::shard`]), so that nobody waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use queue::ChannelName;
use tokio::sync::oneshot;

use crate::hub::Hub;
use crate::hub::inbox::{Command, Inbox};
use crate::protocol::Encoding;
use crate::protocol::client_id::ClientId;
use crate::session_id::SessionId;

/// Whose connections are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Those of a user: whose token has this `sub`, or to whom the hook gave this `user`.
    User(Box<str>),
    /// One, by the id in its `welcome`. `None`: it is of another server, or of an earlier start.
    Client(Option<SessionId>),
}

/// The text is no id of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client id is two numbers with a dot between, as in the `client` of its welcome")]
pub struct InvalidClient;

/// A part of the list of channels, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelPage {
    /// Names must begin so.
    pub prefix: String,
    /// Names must be greater.
    pub after: String,
    /// How many there may be.
    pub limit: usize,
}

/// What a thread of the hub does for an operator.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Disconnect(Who),
    Unsubscribe(Who, Arc<[ChannelName]>),
}

/// Subscribers of channels by encoding, so that one that is looked at twice counts once.
pub(super) type Found = BTreeMap<ChannelName, [u32; Encoding::ALL.len()]>;

/// A thread of the hub has ended, or operators ask for more than it takes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not done everywhere: the server is stopping, or too much is asked for at a time")]
pub struct NotDone;

impl Hub {
    /// The connection that a client's id names.
    ///
    /// # Errors
    /// When the text is no id.
    pub fn client(&self, id: &str) -> Result<Who, InvalidClient> {
        let ClientId { server, session } = id.parse().map_err(|_| InvalidClient)?;
        Ok(Who::Client((server == self.shared.server).then_some(session)))
    }

    /// Closes the connections of a user, or one, with code 4403 after everything that was sent before. Returns how many
    /// there were.
    ///
    /// # Errors
    /// When a thread of the hub has ended, or has too much to do for operators.
    pub async fn disconnect(&self, who: Who) -> Result<usize, NotDone> {
        self.act(Action::Disconnect(who)).await
    }

    /// Ends subscriptions of a user, or of one client, after everything that was published before. Clients that send
    /// commands are told. Returns how many connections had one of these channels.
    ///
    /// # Errors
    /// When a thread of the hub has ended, or has too much to do for operators.
    pub async fn unsubscribe(&self, who: Who, channels: Vec<ChannelName>) -> Result<usize, NotDone> {
        self.act(Action::Unsubscribe(who, channels.into())).await
    }

    async fn act(&self, action: Action) -> Result<usize, NotDone> {
        let (Action::Disconnect(who) | Action::Unsubscribe(who, _)) = &action;
        let inboxes = match who {
            Who::User(_) => self.inboxes(),
            Who::Client(None) => &[],
            Who::Client(Some(session)) => self.inboxes().get(session.thread()..=session.thread()).unwrap_or_default(),
        };
        let ask = |inbox: &Arc<Inbox>| {
            let (answer, answered) = oneshot::channel();
            inbox.command(Command::Act(Box::new((action.clone(), answer))));
            answered
        };
        let mut count = 0;
        for answered in inboxes.iter().map(ask).collect::<Vec<_>>() {
            count += answered.await.map_err(|_| NotDone)?;
        }
        Ok(count)
    }

    /// Channels that have subscribers, and how many. A channel whose last or first subscriber comes or goes meanwhile may
    /// be in the list or not.
    ///
    /// # Errors
    /// When a thread of the hub has ended, or has too much to do for operators.
    pub async fn channels(&self, page: ChannelPage) -> Result<Vec<(ChannelName, u64)>, NotDone> {
        let page = Arc::new(page);
        let ask = |inbox: &Arc<Inbox>| {
            let (answer, answered) = oneshot::channel();
            inbox.command(Command::ListChannels(page.clone(), answer));
            answered
        };
        let mut all = BTreeMap::<ChannelName, u64>::new();
        // All threads begin before the first one is waited for.
        for answered in self.inboxes().iter().map(ask).collect::<Vec<_>>() {
            for (name, counts) in answered.await.map_err(|_| NotDone)? {
                *all.entry(name).or_default() += counts.into_iter().map(u64::from).sum::<u64>();
            }
        }
        Ok(all.into_iter().take(page.limit).collect())
    }
}

impl ChannelPage {
    /// Whether a name belongs here. `last` is the greatest of those that fill the page, if it is full.
    pub(super) fn takes(&self, name: &str, last: Option<&str>) -> bool {
        name > self.after.as_str() && name.starts_with(&self.prefix) && last.is_none_or(|last| name <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_names_behind_a_name_with_a_prefix_up_to_the_last() {
        let page = ChannelPage { prefix: "a.".to_owned(), after: "a.2".to_owned(), limit: 2 };
        let takes = |name| page.takes(name, None);
        assert!(takes("a.20") && takes("a.3") && !takes("a.2") && !takes("a.1") && !takes("b"));
        assert!(page.takes("a.3", Some("a.3")) && !page.takes("a.4", Some("a.3")));
    }
}
