//! What clients of the Pusher protocol ask for: subscriptions, which the application's server has signed, to say who they
//! are, and events for each other.

use std::time::{Duration, Instant, UNIX_EPOCH};

use queue::ChannelName;
use tracing::warn;

use super::Shard;
use super::subscribing::Refused;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::presence::Member;
use crate::hub::resuming::Asked;
use crate::metrics::AuthFailure;
use crate::protocol::Encoding;
use crate::protocol::pusher::channel::{self, is_cache, is_encrypted};
use crate::protocol::pusher::command::{ClientEvent, Command, Problem, Subscribe};
use crate::protocol::pusher::message::{self, ErrorCode};
use crate::rights::{ClientEvents, Identity, NotSigned, PusherUser};
use crate::session_id::SessionId;
use crate::webhooks::Happened;

/// Largest data of a client event, in bytes of its JSON: it goes to all members at once. Pusher has the same limit.
const MAX_CLIENT_EVENT_BYTES: usize = 10_240;
/// The end of the year 9999: who signs in stays that user as long as the connection lasts.
const NO_END: Duration = Duration::from_secs(253_402_300_799);

/// Why a client gets no subscription.
#[derive(Debug)]
struct NotSubscribed {
    kind: &'static str,
    status: u16,
    error: String,
}

impl NotSubscribed {
    fn name() -> NotSubscribed {
        let error = "the name of a channel has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ;".to_owned();
        NotSubscribed { kind: "InvalidChannel", status: 400, error }
    }

    fn rights(error: impl Into<String>) -> NotSubscribed {
        NotSubscribed { kind: "AuthError", status: 401, error: error.into() }
    }

    fn limit((_, error): Refused) -> NotSubscribed {
        NotSubscribed { kind: "LimitReached", status: 403, error }
    }
}

impl<A: Application> Shard<A> {
    /// Does what a client asks for.
    pub(super) fn follow_pusher(&mut self, id: SessionId, command: Result<Command, Problem>, now: Instant) {
        let Some(key) = self.key(id).filter(|key| !self.sessions[*key].is_closing()) else { return };
        let cost = match &command {
            Ok(Command::Ping | Command::Pong | Command::ClientEvent(_)) => 0,
            Ok(Command::Unsubscribe { channel: name }) => {
                channel::parse(name).map_or(1, |channel| self.cost_of_leaving(&channel))
            }
            _ => 1,
        };
        if cost > 0 && !self.may_ask(key, cost, now) {
            return self.hub.close(id, Disconnect::TooManyMessages);
        }
        match command {
            Ok(Command::Ping) => self.send_to(key, message::pong()),
            Ok(Command::Pong) => {}
            Ok(Command::Subscribe(asked)) => {
                if !self.may_get_much(id, now) {
                    return;
                }
                if let Err(NotSubscribed { kind, status, error }) = self.subscribe_pusher(key, &asked, now) {
                    self.send_to(key, message::not_subscribed(&asked.channel, kind, &error, status));
                }
            }
            Ok(Command::Unsubscribe { channel }) => self.unsubscribe_pusher(key, &channel, now),
            Ok(Command::Signin { auth, user_data }) => self.sign_in(key, &auth, &user_data, now),
            Ok(Command::ClientEvent(sent)) => {
                if let Err(problem) = self.send_client_event(key, &sent, now) {
                    self.send_to(key, message::error(Some(ErrorCode::ClientEvent), &problem));
                }
            }
            Err(problem) => self.send_to(key, message::error(None, problem)),
        }
    }

    /// Takes what a command costs.
    fn may_ask(&mut self, key: usize, cost: usize, now: Instant) -> bool {
        let burst = self.command_burst();
        self.sessions[key].subscriber_mut().is_some_and(|subscriber| subscriber.spend(cost, burst, now))
    }

    fn subscribe_pusher(&mut self, key: usize, asked: &Subscribe, now: Instant) -> Result<(), NotSubscribed> {
        let channel = channel::parse(&asked.channel).ok_or_else(NotSubscribed::name)?;
        let member = self.may_subscribe(key, &channel, asked, now)?;
        if self.is_subscribed(key, &channel) {
            let problem = format!("Existing subscription to channel {channel}");
            self.send_to(key, message::error(None, &problem));
            return Ok(());
        }
        let subscriber = self.sessions[key].subscriber();
        if subscriber.map_or(0, |subscriber| subscriber.channels()) >= self.limits.max_channels_per_client {
            return Err(NotSubscribed::limit(self.too_many_of_client()));
        }
        let new = [channel];
        let [channel] = &new;
        let (encoding, channels) = (Encoding::Pusher, &new[..]);
        let asked = Asked { encoding, new: channels, channels, everybody: false, after: None, had: &[], member };
        let mut has_missed = false;
        let answer = self.enter(key, &asked, |outcome| {
            let mut frames = message::subscribed(
                channel,
                outcome
                    .members
                    .as_ref()
                    .map(|members| members.iter().map(|Member { user, info }| (&**user, info.as_deref()))),
            );
            match &outcome.last_event {
                Some(frame) => frames.extend_from_slice(frame),
                None if is_cache(channel) => {
                    has_missed = true;
                    frames.extend(message::cache_miss(channel));
                }
                None => {}
            }
            frames
        });
        if has_missed {
            self.hub.webhooks().tell(Happened::CacheMiss(channel.clone()));
        }
        answer.map(|_| ()).map_err(|no_room| NotSubscribed::limit(super::subscribing::refused(no_room)))
    }

    /// Whether a client may have a channel, and who it is there if that is a presence channel.
    fn may_subscribe(
        &self,
        key: usize,
        channel: &ChannelName,
        asked: &Subscribe,
        now: Instant,
    ) -> Result<Option<Member>, NotSubscribed> {
        let session = &self.sessions[key];
        let signed_in = session.identity.as_deref();
        let refuse = |counted, problem: &str| {
            self.hub.metrics().auth_failed(counted);
            Err(NotSubscribed::rights(problem))
        };
        if let Some(user) = channel.user() {
            return match signed_in.and_then(|identity| identity.user.as_deref()) {
                Some(signed_in) if signed_in == user => Ok(None),
                _ => refuse(AuthFailure::NotAllowed, "sign in as this user first"),
            };
        }
        if !channel.is_restricted() {
            if !self.rights.takes_anonymous() && signed_in.is_none() {
                return refuse(
                    AuthFailure::NotAuthenticated,
                    "sign in first: without it nobody has a channel (anonymous)",
                );
            }
            return match self.rights.is_public(channel) {
                true => Ok(None),
                false => refuse(AuthFailure::NotAllowed, "this channel is not public (public_channels)"),
            };
        }
        let (Some(app), Some(auth)) = (&self.rights.app, &asked.auth) else {
            return refuse(
                AuthFailure::NotAuthenticated,
                "this channel needs auth, which the application's server makes",
            );
        };
        let client = self.hub.client_id(session.id).to_string();
        let mut signed = vec![client.as_str(), channel.as_str()];
        signed.extend(asked.channel_data.as_deref());
        if let Err(reason) = app.check(auth, &signed) {
            return refuse(AuthFailure::NotAuthenticated, &self.unsigned(session.id, "channel", reason, now));
        }
        if !channel.is_presence() {
            return Ok(None);
        }
        let member = match (&asked.channel_data, signed_in) {
            (Some(data), _) => {
                let PusherUser { id, info } = PusherUser::of_channel(data).map_err(NotSubscribed::rights)?;
                Member { user: id.into(), info: info.map(Into::into) }
            }
            (None, Some(Identity { user: Some(user), info, .. })) => {
                Member { user: user.clone().into(), info: info.as_deref().map(Into::into) }
            }
            (None, _) => {
                return refuse(AuthFailure::NotAuthenticated, "a presence channel needs channel_data, or a signin");
            }
        };
        Ok(Some(member))
    }

    fn unsubscribe_pusher(&mut self, key: usize, channel: &str, now: Instant) {
        if !self.deliver_before_leaving(self.sessions[key].id, now) {
            return;
        }
        let channel = channel::parse(channel).and_then(|channel| self.key_of(key, &channel));
        if let Some(channel) = channel {
            self.leave(key, channel);
        }
    }

    /// Notes who a client is.
    fn sign_in(&mut self, key: usize, auth: &str, user_data: &str, now: Instant) {
        let id = self.sessions[key].id;
        let client = self.hub.client_id(id).to_string();
        let signed = match &self.rights.app {
            Some(app) => app.check(auth, &[&client, "", "user", "", user_data]),
            None => Err(NotSigned::OtherKey),
        };
        let signed = signed.map_err(|reason| self.unsigned(id, "user", reason, now));
        let user = signed.and_then(|()| PusherUser::of_signin(user_data).map_err(str::to_owned));
        let user = user.and_then(|user| match self.sessions[key].identity.as_deref() {
            Some(before) if before.user.as_ref() != Some(&user.id) => {
                Err("the connection is signed in as another user".to_owned())
            }
            _ => Ok(user),
        });
        match user {
            Ok(PusherUser { id, info }) => {
                let identity = Identity {
                    user: Some(id),
                    channels: Vec::new(),
                    allow: Vec::new(),
                    everybody: false,
                    info,
                    expires_at: UNIX_EPOCH + NO_END,
                };
                self.sessions[key].identity = Some(Box::new(identity));
                self.send_to(key, message::signed_in(user_data));
            }
            Err(problem) => {
                self.hub.metrics().auth_failed(AuthFailure::NotAuthenticated);
                self.send_to(key, message::error(Some(ErrorCode::Unauthorized), &problem));
            }
        }
    }

    /// What a client is told whose `auth` allows nothing. It is logged as well: if the secrets differ nobody gets a
    /// private channel, and who operates the server has to learn it.
    fn unsigned(&self, id: SessionId, asked: &str, reason: NotSigned, now: Instant) -> String {
        let reason = match reason {
            NotSigned::Signature => format!("auth is not valid for this connection and {asked} ({reason})"),
            NotSigned::Form | NotSigned::OtherKey => reason.to_string(),
        };
        if let Some(suppressed) = self.hub.notices().unsigned.allow(now) {
            warn!(session = id.0, %reason, suppressed, "a Pusher client is refused because of its signature");
        }
        reason
    }

    /// Sends an event of a client to the others of a channel.
    fn send_client_event(&mut self, key: usize, sent: &ClientEvent, now: Instant) -> Result<(), String> {
        let is_on = self.rights.app.as_ref().is_some_and(|app| app.client_events == ClientEvents::Members);
        if !is_on {
            return Err("client events are off (client_events of the app)".to_owned());
        }
        let channel = channel::parse(&sent.channel).filter(|channel| self.is_subscribed(key, channel));
        let channel = channel.ok_or("a client event needs a subscription of its channel")?;
        if !channel.is_restricted() || is_encrypted(&channel) {
            return Err(
                "client events are for private and presence channels alone, and not for encrypted ones".to_owned()
            );
        }
        if sent.data.as_ref().is_some_and(|data| data.len() > MAX_CLIENT_EVENT_BYTES) {
            return Err("the data of a client event has at most 10 kB".to_owned());
        }
        let session = &mut self.sessions[key];
        if !session.pusher_mut().is_some_and(|pusher| pusher.spend_client_event(now)) {
            return Err("at most 10 client events in a second".to_owned());
        }
        let id = session.id;
        self.hub.send_client_event(&channel, id, sent);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
