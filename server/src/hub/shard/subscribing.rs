//! Subscribing and leaving: what clients ask for by URL and by commands.

use std::time::{Instant, SystemTime};

use queue::ChannelName;
use serde_json::value::RawValue;

use super::Shard;
use super::channels::Left;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::interest::{ChannelKey, NoRoom};
use crate::hub::presence::Member;
use crate::hub::resuming::{Asked, Outcome, Subscribed};
use crate::hub::subscriber::Subscription;
use crate::protocol::after::After;
use crate::protocol::command::{Command, Problem, Request, Token};
use crate::protocol::native::{ErrorCode, ServerMessage};
use crate::protocol::{Encoding, sse};
use crate::publication::Seq;
use crate::rights::Denial;
use crate::session_id::SessionId;

/// Commands that a client may send at once, as a multiple of the channels that it may have: after a reconnect it asks
/// for all of them, one by one.
const BURST: usize = 2;
/// Commands that a client may send at once although it may have few channels.
const MIN_BURST: usize = 64;

/// Clients that get much in one answer, until what that is goes out.
pub(crate) const MUCH_AT_ONCE: usize = 8;

/// Users of a presence channel that cost as much as a channel, when it is left.
const USERS_FOR_ONE: usize = 16;

/// What a command is answered with if it cannot be followed.
pub(super) type Refused = (ErrorCode, String);

impl<A: Application> Shard<A> {
    /// Subscribes a client that has just come to what it has asked for, and sends its first message.
    pub(super) fn welcome(&mut self, key: usize, names: &[ChannelName], everybody: bool, after: Option<&str>) {
        let id = self.sessions[key].id;
        let encoding = self.encoding_of(key);
        let (client, interval) = (self.hub.client_id(id).to_string(), self.limits.ping_interval);
        let after = after.map(|after| After::parse(after).unwrap_or(After::Unknown));
        let member = self.member_of(key, names);
        let asked = Asked { encoding, new: names, channels: names, everybody, after, had: &[], member };
        let form = self.sessions[key].protocol().stream_form();
        let welcome = |outcome: &Outcome| outcome.welcome(encoding, form, &client, interval, names);
        if let Err(too_many) = self.enter(key, &asked, welcome) {
            match encoding {
                Encoding::WebSocket | Encoding::Pusher => self.refuse(key, None, refused(too_many)),
                Encoding::Sse | Encoding::SseNamed => self.send_to(key, sse::come_back_later()),
            }
            // After that message.
            self.hub.close(id, Disconnect::Overloaded);
        }
    }

    /// Does what a client asks for.
    pub(super) fn follow(&mut self, id: SessionId, request: Request, now: Instant) {
        let Some(request) = self.await_stream_for(id, request, now) else { return };
        let Some(key) = self.key(id).filter(|key| !self.sessions[*key].is_closing()) else { return };
        let burst = self.command_burst();
        let cost = match &request.command {
            Ok(Command::Subscribe { channels, .. }) => channels.len(),
            Ok(Command::Unsubscribe { channels }) => {
                channels.iter().map(|channel| self.cost_of_leaving(channel)).sum::<usize>().min(burst)
            }
            _ => 1,
        };
        let Some(subscriber) = self.sessions[key].subscriber_mut() else { return };
        if !subscriber.spend(cost, burst, now) {
            return self.hub.close(id, Disconnect::TooManyMessages);
        }
        let reference = request.reference.as_deref();
        let outcome = match request.command {
            Ok(Command::Subscribe { channels, token, after }) => {
                if after.is_some() && !self.may_get_much(id, now) {
                    return;
                }
                self.subscribe(key, &channels, token.as_ref(), after, reference)
            }
            Ok(Command::Unsubscribe { channels }) => {
                self.unsubscribe(key, &channels, reference, now);
                Ok(())
            }
            Ok(Command::Authenticate { token, everybody }) => self.authenticate(key, &token, everybody, reference, now),
            Ok(Command::Presence { channel }) => {
                if !self.may_get_much(id, now) {
                    return;
                }
                self.tell_members(key, &channel, reference)
            }
            Ok(Command::Ping) => {
                self.hub.tell(id, |id| ServerMessage::Pong { reference, id }.encode());
                Ok(())
            }
            Err(Problem::Bad(problem)) => Err((ErrorCode::BadRequest, problem.to_owned())),
            Err(Problem::TooManyChannels) => Err(self.too_many_of_client()),
        };
        if let Err(problem) = outcome {
            self.refuse(key, reference, problem);
        }
    }

    /// What it costs to leave a channel. Everybody on a presence channel is told, and who comes again gets all of them: so
    /// a client must not leave one with many users again and again.
    pub(super) fn cost_of_leaving(&self, channel: &ChannelName) -> usize {
        let users = if channel.is_presence() { self.hub.user_count(channel) } else { 0 };
        1 + (users / USERS_FOR_ONE).min(self.command_burst() / 4)
    }

    /// What a client may ask for at once, in channels.
    pub(super) fn command_burst(&self) -> usize {
        self.limits.max_channels_per_client.saturating_mul(BURST).max(MIN_BURST)
    }

    fn subscribe(
        &mut self,
        key: usize,
        names: &[ChannelName],
        token: Option<&Token>,
        after: Option<After>,
        reference: Option<&RawValue>,
    ) -> Result<(), Refused> {
        let session = &self.sessions[key];
        let now = SystemTime::now();
        let mut ends = Vec::new();
        for name in names {
            let token = token.map(|Token(token)| token.as_str());
            let allowed = self.rights.may_read(session.identity.as_deref(), name, token, now);
            ends.push(allowed.map_err(|denial| {
                self.hub.metrics().auth_failed(denial.into());
                (code_of(denial), format!("{name}: {denial}"))
            })?);
        }
        let Some(subscriber) = session.subscriber() else { return Ok(()) };
        let new: Vec<ChannelName> = names.iter().filter(|name| !self.is_subscribed(key, name)).cloned().collect();
        if subscriber.channels() + new.len() > self.limits.max_channels_per_client {
            return Err(self.too_many_of_client());
        }
        let had = if after.is_some() { self.had(key) } else { Vec::new() };
        let encoding = self.encoding_of(key);
        let member = self.member_of(key, &new);
        let asked = Asked { encoding, new: &new, channels: names, everybody: false, after, had: &had, member };
        let has_after = self.enter(key, &asked, |outcome| outcome.subscribed(reference, names)).map_err(refused)?;
        for (name, until) in names.iter().zip(ends) {
            self.note_again(key, name, until, has_after);
        }
        Ok(())
    }

    /// Counts a client that gets much in one answer: what it has missed, who is on a channel, or a last event. If there
    /// were many in this turn of the thread, what they get goes out first, so that it is not in memory for all at the same
    /// time. Returns whether the client is still there.
    pub(super) fn may_get_much(&mut self, id: SessionId, now: Instant) -> bool {
        if self.much >= MUCH_AT_ONCE {
            self.take_inbox(now);
        }
        self.much += 1;
        self.key(id).is_some()
    }

    /// What a client has got on this connection: everything after a number, by channel.
    fn had(&self, key: usize) -> Vec<(Option<ChannelName>, Seq)> {
        let subscriptions = self.sessions[key].subscriber().map_or(&[][..], |subscriber| subscriber.subscriptions());
        let had = subscriptions.iter().filter_map(|subscription| {
            let channel = self.channels.get(subscription.channel)?;
            Some((channel.name.clone(), subscription.has_after))
        });
        had.collect()
    }

    /// Notes until when a subscription is allowed, and from where on the client has everything. One that was asked for
    /// again lasts as long as the last answer says, but a token that ends earlier than that of before takes nothing away.
    fn note_again(&mut self, key: usize, name: &ChannelName, until: Option<SystemTime>, has_after: Seq) {
        let Some(channel) = self.key_of(key, name) else { return };
        let subscription = self.sessions[key].subscriber_mut().and_then(|subscriber| subscriber.get_mut(channel));
        if let Some(subscription) = subscription {
            let before = subscription.until();
            subscription.set_until(until.map(|until| before.map_or(until, |before| before.max(until))));
            subscription.has_after = subscription.has_after.min(has_after);
        }
    }

    pub(super) fn too_many_of_client(&self) -> Refused {
        let most = self.limits.max_channels_per_client;
        (ErrorCode::TooManyChannels, format!("a client has at most {most} channels (max_channels_per_client)"))
    }

    fn unsubscribe(&mut self, key: usize, names: &[ChannelName], reference: Option<&RawValue>, now: Instant) {
        let id = self.sessions[key].id;
        if !self.deliver_before_leaving(id, now) {
            return;
        }
        for name in names {
            if let Some(channel) = self.key_of(key, name) {
                self.leave(key, channel);
            }
        }
        self.answer(key, &ServerMessage::Unsubscribed { reference, channels: names, code: None });
    }

    /// Delivers what was published before to a client that is about to leave a channel. Who has come and gone is no part of
    /// that: else each user who leaves a presence channel would take a write to all who stay. Returns whether the client is
    /// still there.
    pub(super) fn deliver_before_leaving(&mut self, id: SessionId, now: Instant) -> bool {
        if self.inbox.look(|arrivals| arrivals.channel_frames.has_events()) {
            self.take_inbox(now);
        }
        self.key(id).is_some()
    }

    /// Tells a client how far it is: browsers do not show pings to scripts.
    pub(super) fn beat(&mut self, key: usize) {
        let Some(session) = self.sessions.get(key).filter(|session| !session.is_closing()) else { return };
        if session.subscriber().is_some() && session.protocol().encoding() != Encoding::Pusher {
            let heartbeat = |id: &str| session.protocol().message(&ServerMessage::Heartbeat { id }).unwrap_or_default();
            self.hub.tell(session.id, heartbeat);
        }
    }

    /// Subscribes a session to channels that it does not have, and sends it an answer, which stands behind everything
    /// that was published before. Returns the number after which the client has everything.
    pub(super) fn enter(
        &mut self,
        key: usize,
        asked: &Asked<'_>,
        answer: impl FnOnce(&Outcome) -> Vec<u8>,
    ) -> Result<Seq, NoRoom> {
        let count = asked.new.len();
        if !self.hub.reserve_subscriptions(count) {
            return Err(NoRoom::Channels);
        }
        let id = self.sessions[key].id;
        let subscribed = self.hub.subscribe(id, asked, answer).inspect_err(|_| self.hub.release_subscriptions(count));
        let Subscribed { keys, began, has_after, missed } = subscribed?;
        missed.into_iter().for_each(|missed| self.count_resumed(key, missed));
        let everybody = asked.everybody.then_some((ChannelKey::everybody(asked.encoding), None));
        let Some(subscriber) = self.sessions[key].subscriber_mut() else { return Ok(has_after) };
        for (channel, name) in keys.into_iter().zip(asked.new.iter().map(Some)).chain(everybody) {
            let slot = self.channels.enter(channel, name, key);
            subscriber.insert(Subscription::new(channel, slot, began, has_after));
        }
        Ok(has_after)
    }

    /// Takes a session out of a channel.
    pub(super) fn leave(&mut self, key: usize, channel: ChannelKey) {
        let id = self.sessions[key].id;
        let subscriber = self.sessions[key].subscriber_mut();
        let Some(subscription) = subscriber.and_then(|subscriber| subscriber.remove(channel)) else { return };
        self.give_up_place(id, channel, subscription.slot);
        // What comes for the channel from now on is not for it.
        self.sessions[key].unshare_outbox();
        self.count_memory(key);
    }

    /// Takes a session that has ended out of all of its channels.
    pub(super) fn leave_all(&mut self, id: SessionId, subscriptions: &[Subscription]) {
        subscriptions.iter().for_each(|subscription| self.give_up_place(id, subscription.channel, subscription.slot));
    }

    fn give_up_place(&mut self, id: SessionId, channel: ChannelKey, slot: u32) {
        let name = self.channels.get(channel).and_then(|channel| channel.name.as_ref());
        let presence = name.filter(|name| name.is_presence()).cloned();
        if !channel.is_everybody() {
            self.hub.release_subscriptions(1);
        }
        match self.channels.leave(channel, slot) {
            Left::Last(name) => self.hub.lose_interest(name.as_ref(), channel, self.inbox.index()),
            Left::TakenBy(moved) => {
                let moved = self.sessions.get_mut(moved as usize).and_then(|session| session.subscriber_mut());
                if let Some(subscription) = moved.and_then(|subscriber| subscriber.get_mut(channel)) {
                    subscription.slot = slot;
                }
            }
            Left::Free => {}
        }
        if let Some(presence) = presence {
            // When the server stops, all go, and nobody has to be told of each.
            self.hub.leave_presence(&presence, id, self.stopping.is_none());
        }
    }

    /// Who a client is on presence channels, by its token or by the hook. Without a user it is nobody there.
    pub(super) fn member_of(&self, key: usize, new: &[ChannelName]) -> Option<Member> {
        let identity = self.sessions[key].identity.as_deref().filter(|_| new.iter().any(ChannelName::is_presence))?;
        Some(Member { user: identity.user.as_deref()?.into(), info: identity.info.as_deref().map(Into::into) })
    }

    /// Tells a client who is on a channel that it has.
    fn tell_members(&self, key: usize, channel: &ChannelName, reference: Option<&RawValue>) -> Result<(), Refused> {
        if !self.is_subscribed(key, channel) {
            return Err((ErrorCode::NotAllowed, format!("{channel}: subscribe it first")));
        }
        self.hub.tell_members(self.sessions[key].id, channel, reference);
        Ok(())
    }

    /// How publications are written for a session.
    pub(super) fn encoding_of(&self, key: usize) -> Encoding {
        self.sessions[key].protocol().encoding()
    }

    pub(super) fn is_subscribed(&self, key: usize, name: &ChannelName) -> bool {
        self.key_of(key, name).is_some()
    }

    /// The key of a channel, if the session has it.
    pub(super) fn key_of(&self, key: usize, name: &ChannelName) -> Option<ChannelKey> {
        let subscriber = self.sessions[key].subscriber()?;
        self.hub.find(name, self.encoding_of(key)).filter(|channel| subscriber.has(*channel))
    }

    /// Sends a client a message behind everything that it was sent before, if its protocol has such a message.
    pub(super) fn answer(&mut self, key: usize, message: &ServerMessage<'_>) {
        if let Some(bytes) = self.sessions[key].protocol().message(message) {
            self.send_to(key, bytes);
        }
    }

    /// Tells a client why something that it has asked for is not done.
    pub(super) fn refuse(&mut self, key: usize, reference: Option<&RawValue>, (code, message): Refused) {
        self.answer(key, &ServerMessage::Error { reference, code: code as u16, message: &message });
    }

    /// Sends a client a frame behind everything that was published before.
    pub(super) fn send_to(&mut self, key: usize, frame: Vec<u8>) {
        self.inbox.send(self.sessions[key].id, frame.into());
    }
}

/// What a client is told when the server has no room for its channels.
pub(super) fn refused(problem: NoRoom) -> Refused {
    (ErrorCode::TooManyChannels, problem.to_string())
}

pub(super) fn code_of(denial: Denial) -> ErrorCode {
    match denial {
        Denial::NotAuthenticated => ErrorCode::NotAuthenticated,
        Denial::NotAllowed => ErrorCode::NotAllowed,
        Denial::Expired => ErrorCode::TokenExpired,
    }
}
