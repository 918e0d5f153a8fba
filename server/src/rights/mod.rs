//! Who may read which channel: what is public, who a client is said to be, and what that identity may read. Knows
//! nothing of connections.

mod identity;
mod pattern;

use std::time::SystemTime;

use queue::ChannelName;
use thiserror::Error;

pub(crate) use identity::Identity;
pub(crate) use pattern::Pattern;

/// What is decided about rights from the settings.
#[derive(Debug)]
pub(crate) struct Rights {
    /// Channels that need no right.
    public: Vec<Pattern>,
    /// Whether a client may connect without a token.
    anonymous: bool,
}

/// Why something was denied. The texts reach clients: no secret is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Denial {
    /// It needs a token, and there is none that counts.
    #[error("not authenticated")]
    NotAuthenticated,
    /// The token is there and does not allow it.
    #[error("not allowed")]
    NotAllowed,
    /// The token has ended.
    #[error("token expired")]
    Expired,
}

impl Rights {
    /// Those of a server without a key: every channel is public, except for those that always need a right.
    pub(crate) fn open() -> Rights {
        Rights { public: vec![Pattern::all()], anonymous: true }
    }

    /// Who a token says that its bearer is. The token is not logged.
    pub(crate) fn login(&self, _token: &str, _now: SystemTime) -> Result<Identity, Denial> {
        Err(Denial::NotAuthenticated)
    }

    /// Whether a client may read a channel, and until when if that is by `token`, one for that channel alone. Otherwise
    /// it may as long as its identity counts.
    pub(crate) fn may_read(
        &self,
        who: Option<&Identity>,
        channel: &ChannelName,
        _token: Option<&str>,
        _now: SystemTime,
    ) -> Result<Option<SystemTime>, Denial> {
        if channel.is_for_producers() {
            return Err(Denial::NotAllowed);
        }
        let is_public = !channel.is_restricted() && self.public.iter().any(|pattern| pattern.matches(channel));
        match who {
            _ if is_public => Ok(None),
            Some(who) if who.allow.iter().any(|pattern| pattern.matches(channel)) => Ok(None),
            Some(_) => Err(Denial::NotAllowed),
            None => Err(Denial::NotAuthenticated),
        }
    }

    /// Whether a client gets events for everybody, if it asked for them or not (`None`: it did not say).
    pub(crate) fn gets_everybody(&self, _who: Option<&Identity>, asked: Option<bool>) -> bool {
        asked.unwrap_or(true) && self.anonymous
    }
}
