//! What subscribers of a channel are told beside events: who comes and goes on presence channels, and what clients of the
//! Pusher protocol send to each other. It has a place in the order of everything, and no number: it is not kept, and does
//! not go to other machines.

use std::sync::Arc;
use std::time::Instant;

use queue::ChannelName;
use serde_json::value::RawValue;

use crate::hub::Hub;
use crate::hub::last_events::{LastEvents, is_cache};
use crate::hub::presence::Member;
use crate::hub::published::Published;
use crate::hub::resuming::Asked;
use crate::protocol::native::{Present, ServerMessage};
use crate::protocol::pusher::command::ClientEvent;
use crate::protocol::pusher::{event, message};
use crate::protocol::{Encoding, Written};
use crate::session_id::SessionId;

/// One message to the subscribers of a channel.
#[derive(Debug, Clone, Copy)]
enum Beside<'a> {
    /// A user has come.
    Joined(&'a Member),
    /// A user has gone.
    Left(&'a str),
    /// What a client sends. On presence channels it is said who.
    ClientEvent(&'a ClientEvent, Option<&'a str>),
}

impl Beside<'_> {
    /// Its frame. `None`: such clients are not told.
    fn encode(self, encoding: Encoding, channel: &ChannelName) -> Option<Vec<u8>> {
        match (self, encoding) {
            (Beside::Joined(Member { user, info }), Encoding::WebSocket) => {
                Some(ServerMessage::joined(channel, user, info.as_deref()).encode())
            }
            (Beside::Joined(Member { user, info }), Encoding::Pusher) => {
                Some(message::member_added(channel, user, info.as_deref()))
            }
            (Beside::Left(user), Encoding::WebSocket) => {
                Some(ServerMessage::Left { channel: channel.as_str(), user }.encode())
            }
            (Beside::Left(user), Encoding::Pusher) => Some(message::member_removed(channel, user)),
            (Beside::ClientEvent(sent, user), Encoding::Pusher) => {
                let (name, mut frame) = (serde_json::Value::from(sent.event.as_str()).to_string(), Vec::new());
                event::encode_parts(&name, Some(channel), sent.data.as_deref(), user, &mut frame);
                Some(frame)
            }
            (_, Encoding::Sse | Encoding::SseNamed) | (Beside::ClientEvent(..), Encoding::WebSocket) => None,
        }
    }
}

impl Published {
    /// Whether there are clients of the Pusher protocol: only for them the last events of cache channels are kept.
    pub(super) fn serve_pusher(&mut self, is_on: bool) {
        if is_on != self.last_events.is_some() {
            self.last_events = is_on.then(LastEvents::default);
        }
    }

    /// Keeps a publication that is just given a place, for its cache channels.
    pub(super) fn keep_last_event(&mut self, channels: Option<&[ChannelName]>, written: Written<'_>) {
        let Some(last_events) = &mut self.last_events else { return };
        for channel in channels.unwrap_or_default().iter().filter(|channel| is_cache(channel)) {
            if Encoding::Pusher.has(written) {
                let mut frame = Vec::new();
                event::encode(written, Some(channel), &mut frame);
                last_events.keep(channel, &frame, Instant::now());
            }
        }
    }

    /// The last event of a channel, if it is a cache channel.
    pub(super) fn last_event(&self, channel: &ChannelName) -> Option<Arc<[u8]>> {
        self.last_events.as_ref()?.of(channel, Instant::now())
    }

    /// What a client of the Pusher protocol gets with its new channel: who is there, itself among them, and the last
    /// event.
    pub(super) fn beside_events(&self, asked: &Asked<'_>) -> (Option<String>, Option<Arc<[u8]>>) {
        let ([channel], Encoding::Pusher) = (asked.new, asked.encoding) else { return (None, None) };
        let members = channel.is_presence().then(|| self.members(channel, asked.member.as_ref()));
        (members, self.last_event(channel))
    }

    /// Who is on a channel, as the Pusher protocol tells it.
    fn members(&self, channel: &ChannelName, new: Option<&Member>) -> String {
        let new = new.filter(|new| !self.presence.has(channel, &new.user));
        let new = new.map(|new| (&*new.user, new.info.as_deref()));
        let (mut ids, mut hash, mut count) = (String::new(), String::new(), 0);
        for (user, info) in self.presence.of(channel).chain(new) {
            let separator = if count == 0 { "" } else { "," };
            let user = serde_json::Value::from(user).to_string();
            ids.extend([separator, &user]);
            hash.extend([separator, &user, ":", info.unwrap_or("null")]);
            count += 1;
        }
        format!(r#"{{"presence":{{"ids":[{ids}],"hash":{{{hash}}},"count":{count}}}}}"#)
    }
}

impl Hub {
    /// Whether there are clients of the Pusher protocol. To be called before anything is published.
    pub(super) fn serve_pusher(&self, is_on: bool) {
        self.lock().serve_pusher(is_on);
    }

    /// Notes who a client is on its new presence channels, and tells those who are there. Returns whether anybody is told.
    pub(super) fn join_presence(&self, published: &mut Published, session: SessionId, asked: &Asked<'_>) -> bool {
        let Some(member) = &asked.member else { return false };
        let mut is_told = false;
        for channel in asked.new.iter().filter(|channel| channel.is_presence()) {
            if published.presence.join(channel, session, member) {
                self.tell_subscribers(published, channel, session, Beside::Joined(member));
                is_told = true;
            }
        }
        is_told
    }

    /// Notes that a client has left a presence channel, and tells those who are there if it was the user's last one.
    pub(super) fn leave_presence(&self, channel: &ChannelName, session: SessionId) {
        let mut published = self.lock();
        let Some(user) = published.presence.leave(channel, session) else { return };
        self.tell_subscribers(&mut published, channel, session, Beside::Left(&user));
        drop(published);
        self.wake();
    }

    /// Tells a client who is on a channel. The answer stands behind everybody who has come before.
    pub(super) fn tell_members(&self, session: SessionId, channel: &ChannelName, reference: Option<&RawValue>) {
        let published = self.lock();
        let mut members: Vec<Present<'_>> =
            published.presence.of(channel).map(|(user, info)| Present::new(user, info)).collect();
        members.sort_unstable_by_key(Present::user);
        let message = ServerMessage::Members { reference, channel: channel.as_str(), members };
        self.inbox(session).send(session, message.encode().into());
    }

    /// Sends an event of a client to the other subscribers of a channel.
    pub(super) fn send_client_event(&self, channel: &ChannelName, session: SessionId, sent: &ClientEvent) {
        let mut published = self.lock();
        let user = published.presence.user_of(channel, session);
        self.tell_subscribers(&mut published, channel, session, Beside::ClientEvent(sent, user.as_deref()));
        drop(published);
        self.wake();
    }

    /// Gives a message to the subscribers of a channel a place in the order, and puts it into the inboxes.
    fn tell_subscribers(
        &self,
        published: &mut Published,
        channel: &ChannelName,
        except: SessionId,
        beside: Beside<'_>,
    ) {
        let place = published.last.plus(1);
        let mut frames = published.take_frames();
        for (encoding, key, threads) in published.interest.of(channel) {
            if let Some(frame) = beside.encode(encoding, channel) {
                frames.push(place, key, threads, Some(except), |bytes| bytes.extend(frame));
            }
        }
        self.append_to_all(&[], &[0], &[], &frames);
        published.frames = frames;
        published.last = place;
        published.without_number += 1;
    }
}
