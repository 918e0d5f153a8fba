//! Who may read which channel: what is public, who a client is said to be, and what that identity may read. Knows
//! nothing of connections.
//!
//! A token goes through [`token`] (its parts and signature), [`keys`] and [`claims`]; [`new_token`] makes one.

mod bounds;
mod claims;
mod cryptography;
mod error;
mod granted;
mod identity;
mod json_object;
pub(crate) mod key_file;
mod keys;
mod new_token;
mod pattern;
mod pusher_app;
mod pusher_user;
mod secret;
#[cfg(test)]
mod tests;
mod token;
mod webhook;

use std::time::{Instant, SystemTime};

use queue::ChannelName;
use thiserror::Error;
use tracing::{debug, warn};

pub(crate) use bounds::MAX_KEYS;
pub use bounds::{
    LEEWAY, MAX_ALLOWED, MAX_INFO_BYTES, MAX_TOKEN_BYTES, MAX_TOKEN_CHANNELS, MAX_TTL, MAX_USER_BYTES, MIN_SECRET_BYTES,
};
pub(crate) use claims::Expected;
pub use claims::{Claims, EVERYBODY};
pub use error::TokenError;
pub(crate) use granted::GrantError;
pub(crate) use identity::Identity;
pub(crate) use keys::{Key, Keys};
pub use new_token::{NewToken, NewTokenError, create};
pub use pattern::{InvalidPattern, Pattern};
pub(crate) use pusher_app::NotSigned;
pub use pusher_app::{ClientEvents, InvalidApp, PusherApp};
pub(crate) use pusher_user::PusherUser;
pub use secret::Secret;
pub(crate) use webhook::WebhookEvents;
pub use webhook::{WebhookEvent, WebhookUrl};

use crate::log_limit::SharedLogLimit;

/// What is decided about rights from the settings.
#[derive(Debug)]
pub(crate) struct Rights {
    /// Channels that need no right.
    pub(crate) public: Vec<Pattern>,
    /// Whether a client may connect without a token.
    pub(crate) anonymous: bool,
    /// What tokens are checked with. Without any there are no tokens.
    pub(crate) keys: Keys,
    /// The secrets among them. The first is the one to sign with.
    pub(crate) secrets: Vec<Secret>,
    /// What tokens must say.
    pub(crate) expected: Expected,
    /// What clients of the Pusher protocol belong to. Without one there is no such protocol.
    pub(crate) app: Option<PusherApp>,
    /// Lines of the log about tokens that are refused.
    pub(crate) refused: SharedLogLimit,
}

/// Why something was denied. The texts reach clients: no secret is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Denial {
    /// It needs a token, and there is no valid one.
    #[error("not authenticated")]
    NotAuthenticated,
    /// The token is there and does not allow it.
    #[error("not allowed")]
    NotAllowed,
    /// The token has ended.
    #[error("token expired")]
    Expired,
}

/// What a client is told.
impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Denial {
        match error {
            TokenError::Expired => Denial::Expired,
            TokenError::OtherChannel | TokenError::OtherUser => Denial::NotAllowed,
            _ => Denial::NotAuthenticated,
        }
    }
}

impl Rights {
    /// Those of a server without a key: every channel is public, except for those that always need a right.
    pub(crate) fn open() -> Rights {
        Rights {
            public: vec![Pattern::all()],
            anonymous: true,
            keys: Keys::default(),
            secrets: Vec::new(),
            expected: Expected::default(),
            app: None,
            refused: SharedLogLimit::every_minute(),
        }
    }

    /// Whether there is a key: without one nothing that could be a token is looked at.
    pub(crate) fn takes_tokens(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether a client may connect without a token.
    pub(crate) fn takes_anonymous(&self) -> bool {
        self.anonymous
    }

    /// What a token says that is no token for one subscription.
    pub(crate) fn check(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        let claims = self.read(token, now)?;
        if claims.channel.is_some() { Err(TokenError::ForOneChannel) } else { Ok(claims) }
    }

    /// What a token says, of any kind.
    pub(crate) fn read(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        token::check(token, &self.keys, &self.expected, now)
    }

    /// The claims of a token as JSON, for people. The signature was checked.
    pub(crate) fn payload(&self, token: &str) -> Result<Vec<u8>, TokenError> {
        token::payload(token, &self.keys)
    }

    /// Who a token says that its bearer is. The token is not logged.
    pub(crate) fn login(&self, token: &str, now: SystemTime) -> Result<Identity, Denial> {
        self.check(token, now).map(Identity::from).map_err(|error| self.denied(error))
    }

    /// Whether a client may read a channel, and until when if that is by `token`, one for that channel alone. Otherwise
    /// it may as long as its identity counts.
    pub(crate) fn may_read(
        &self,
        who: Option<&Identity>,
        channel: &ChannelName,
        token: Option<&str>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, Denial> {
        if channel.is_for_producers() {
            return Err(Denial::NotAllowed);
        }
        if self.is_public(channel) {
            return Ok(None);
        }
        if who.is_some_and(|who| now >= who.expires_at) {
            return Err(Denial::Expired);
        }
        match (who, token) {
            (Some(who), _) if who.allows(channel) => Ok(None),
            (_, Some(token)) if self.takes_tokens() => {
                self.check_for(who, channel, token, now).map(Some).map_err(|error| self.denied(error))
            }
            (who, _) => Err(self.lacking(who)),
        }
    }

    /// Whether a channel needs no right.
    pub(crate) fn is_public(&self, channel: &ChannelName) -> bool {
        !channel.is_restricted() && self.public.iter().any(|pattern| pattern.matches(channel))
    }

    /// What a client is told that has no right: whether a token could help.
    pub(crate) fn lacking(&self, who: Option<&Identity>) -> Denial {
        if who.is_none() && self.takes_tokens() { Denial::NotAuthenticated } else { Denial::NotAllowed }
    }

    /// What a client is told. The rule is for the log alone: a token that our application can have made is no news, but
    /// when the secrets differ nobody gets in, and who operates the server has to learn it.
    fn denied(&self, error: TokenError) -> Denial {
        if error.is_usual() {
            debug!(rule = %error, "a token is refused");
        } else if let Some(suppressed) = self.refused.allow(Instant::now()) {
            warn!(rule = %error, suppressed, "a token is refused");
        }
        error.into()
    }

    /// Until when a token is valid, if it is one for this client and this channel. A token that names no user is for
    /// every client that has it.
    fn check_for(
        &self,
        who: Option<&Identity>,
        channel: &ChannelName,
        token: &str,
        now: SystemTime,
    ) -> Result<SystemTime, TokenError> {
        let claims = self.read(token, now)?;
        match claims.channel {
            None => Err(TokenError::NotForOneChannel),
            Some(named) if named != *channel => Err(TokenError::OtherChannel),
            Some(_) if claims.user.is_some() && claims.user != who.and_then(|who| who.user.clone()) => {
                Err(TokenError::OtherUser)
            }
            Some(_) => Ok(claims.expires_at),
        }
    }

    /// Whether a client gets events for everybody, if it asked for them or not (`None`: it did not say).
    pub(crate) fn gets_everybody(&self, who: Option<&Identity>, asked: Option<bool>) -> bool {
        let is_public = self.anonymous && self.public.contains(&Pattern::all());
        match asked {
            Some(false) => false,
            Some(true) => is_public || who.is_some_and(|who| who.everybody),
            None => is_public,
        }
    }
}
