//! What the tokens of connections that are open lead to: logging in again, and what ends with a token.

use std::time::{Duration, Instant, SystemTime};

use queue::ChannelName;
use serde_json::value::RawValue;

use super::Shard;
use super::subscribing::{Refused, code_of, refused};
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::interest::ChannelKey;
use crate::hub::resuming::Asked;
use crate::hub::subscriber::Subscription;
use crate::metrics::AuthFailure;
use crate::protocol::command::Token;
use crate::protocol::native::{ErrorCode, ServerMessage};
use crate::rights::Identity;

/// How long before its end a client is told that its token ends.
const WARNING: Duration = Duration::from_secs(30);

impl<A: Application> Shard<A> {
    /// Logs a client in again, by a token of the same user.
    pub(super) fn authenticate(
        &mut self,
        key: usize,
        Token(token): &Token,
        everybody: Option<bool>,
        reference: Option<&RawValue>,
        now: Instant,
    ) -> Result<(), Refused> {
        let identity = self.rights.login(token, SystemTime::now());
        let identity = identity.map_err(|denial| {
            self.hub.metrics().auth_failed(denial.into());
            (code_of(denial), denial.to_string())
        })?;
        let session = &self.sessions[key];
        if session.identity.as_deref().is_some_and(|before| before.user != identity.user) {
            self.hub.metrics().auth_failed(AuthFailure::NotAllowed);
            return Err((ErrorCode::NotAllowed, "the token is of another user".to_owned()));
        }
        // Who asked for them would wait for them without end.
        if everybody == Some(true) && !self.rights.gets_everybody(Some(&identity), everybody) {
            self.hub.metrics().auth_failed(AuthFailure::NotAllowed);
            return Err((ErrorCode::NotAllowed, "the token does not allow events for everybody".to_owned()));
        }
        // A command that cannot be followed changes nothing.
        if self.channels_with(key, &identity) > self.limits.max_channels_per_client {
            return Err(self.too_many_of_client());
        }
        let id = session.id;
        // What was published before is delivered before.
        self.take_inbox(now);
        if self.key(id).is_none() {
            return Ok(());
        }
        let session = &mut self.sessions[key];
        let message = ServerMessage::authenticated(reference, identity.user.as_deref(), identity.expires_at).encode();
        let names = identity.channels.clone();
        session.identity = Some(Box::new(identity));
        session.is_warned = false;
        self.end_uncovered(key);
        self.send_to(key, message);
        let had = self.sessions[key].subscriber().is_some_and(|subscriber| subscriber.has_everybody());
        let gets = self.rights.gets_everybody(self.sessions[key].identity.as_deref(), everybody.or(Some(had)));
        if had && !gets {
            self.leave(key, ChannelKey::everybody(self.encoding_of(key)));
        }
        let new: Vec<ChannelName> = names.into_iter().filter(|name| !self.is_subscribed(key, name)).collect();
        if !new.is_empty() || gets && !had {
            self.subscribe_by_token(key, &new, gets && !had);
        }
        Ok(())
    }

    /// How many channels a client would have with a new token.
    fn channels_with(&self, key: usize, identity: &Identity) -> usize {
        let channels = self.sessions[key].subscriber().map_or(0, |subscriber| subscriber.channels());
        let new = identity.channels.iter().filter(|name| !self.is_subscribed(key, name)).count();
        (channels + new).saturating_sub(self.uncovered(key, Some(identity)).len())
    }

    /// Subscribes what a new token brings. That the server has no room for it does not undo the login.
    fn subscribe_by_token(&mut self, key: usize, names: &[ChannelName], everybody: bool) {
        let (encoding, member) = (self.encoding_of(key), self.member_of(key, names));
        let asked = Asked { encoding, new: names, channels: names, everybody, after: None, had: &[], member };
        if let Err(too_many) = self.enter(key, &asked, |outcome| outcome.subscribed(None, names)) {
            self.refuse(key, None, refused(too_many));
        }
    }

    /// Ends the subscriptions that the client's rights do not cover any more.
    fn end_uncovered(&mut self, key: usize) {
        let ended = self.uncovered(key, self.sessions[key].identity.as_deref());
        self.end_subscriptions(key, ended, ErrorCode::NotAllowed);
    }

    /// The subscriptions of a client that an identity does not cover.
    fn uncovered(&self, key: usize, who: Option<&Identity>) -> Vec<ChannelKey> {
        let Some(subscriber) = self.sessions[key].subscriber() else { return Vec::new() };
        let now = SystemTime::now();
        let is_uncovered = |subscription: &&Subscription| {
            let name = self.channels.get(subscription.channel).and_then(|channel| channel.name.as_ref());
            subscription.until().is_none()
                && name.is_some_and(|name| self.rights.may_read(who, name, None, now).is_err())
        };
        subscriber.subscriptions().iter().filter(is_uncovered).map(|ended| ended.channel).collect()
    }

    /// Ends what the tokens of clients do not allow any more, and warns them before.
    pub(super) fn end_rights_of(&mut self, keys: Vec<usize>, now: Instant) {
        if keys.is_empty() {
            return;
        }
        let time = SystemTime::now();
        // What was published before is delivered before.
        self.take_inbox(now);
        keys.into_iter().for_each(|key| self.end_rights(key, time));
    }

    fn end_rights(&mut self, key: usize, time: SystemTime) {
        self.end_expired(key, time);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(expires_at) = session.identity.as_ref().map(|identity| identity.expires_at) else { return };
        if expires_at <= time {
            let id = session.id;
            self.hub.close(id, Disconnect::TokenExpired);
        } else if !session.is_warned && expires_at <= time + WARNING {
            session.is_warned = true;
            if session.subscriber().is_some() {
                self.answer(key, &ServerMessage::Expiring);
            }
        }
    }

    fn end_expired(&mut self, key: usize, time: SystemTime) {
        let Some(subscriber) = self.sessions.get(key).and_then(|session| session.subscriber()) else { return };
        let is_over = |subscription: &&Subscription| subscription.until().is_some_and(|until| until <= time);
        let ended = subscriber.subscriptions().iter().filter(is_over).map(|ended| ended.channel).collect();
        self.end_subscriptions(key, ended, ErrorCode::TokenExpired);
    }

    /// The keys of those of these channels that a client has.
    pub(super) fn keys_of(&self, key: usize, names: &[ChannelName]) -> Vec<ChannelKey> {
        names.iter().filter_map(|name| self.key_of(key, name)).collect()
    }

    pub(super) fn end_subscriptions(&mut self, key: usize, channels: Vec<ChannelKey>, code: ErrorCode) {
        if channels.is_empty() {
            return;
        }
        let name = |channel: &ChannelKey| self.channels.get(*channel).and_then(|channel| channel.name.clone());
        let names: Vec<ChannelName> = channels.iter().filter_map(name).collect();
        channels.into_iter().for_each(|channel| self.leave(key, channel));
        self.answer(key, &ServerMessage::Unsubscribed { reference: None, channels: &names, code: Some(code as u16) });
    }
}
