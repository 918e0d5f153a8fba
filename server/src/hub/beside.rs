//! What subscribers of a channel are told beside events: who comes and goes on presence channels, and what clients of the
//! Pusher protocol send to each other. It has a place in the order of everything, and no number: it is not kept, and does
//! not go to other machines.

use std::sync::Arc;

use queue::ChannelName;
use serde_json::value::RawValue;

use crate::hub::Hub;
use crate::hub::interest::NoRoom;
use crate::hub::presence::Member;
use crate::hub::published::Published;
use crate::hub::resuming::Asked;
use crate::protocol::Encoding;
use crate::protocol::native::{Present, ServerMessage};
use crate::protocol::pusher::command::ClientEvent;
use crate::protocol::pusher::{event, message};
use crate::rights::WebhookEvent;
use crate::session_id::SessionId;
use crate::webhooks::Happened;

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
                let mut frame = Vec::new();
                event::encode_sent(&sent.event, channel, sent.data.as_deref(), user, &mut frame);
                Some(frame)
            }
            (_, Encoding::Sse | Encoding::SseNamed) | (Beside::ClientEvent(..), Encoding::WebSocket) => None,
        }
    }
}

impl Published {
    /// Refuses a client for which a new presence channel has no room.
    pub(super) fn check_room(&self, asked: &Asked<'_>) -> Result<(), NoRoom> {
        let Some(member) = &asked.member else { return Ok(()) };
        let has_room = |channel: &ChannelName| !channel.is_presence() || self.presence.has_room(channel, member);
        asked.new.iter().all(has_room).then_some(()).ok_or(NoRoom::Members)
    }

    /// What a client of the Pusher protocol gets with a new channel: who is there, itself among them, and the last event.
    pub(super) fn for_new_channel(&self, asked: &Asked<'_>) -> (Option<Vec<Member>>, Option<Arc<[u8]>>) {
        let ([channel], Encoding::Pusher) = (asked.new, asked.encoding) else { return (None, None) };
        (channel.is_presence().then(|| self.presence.of(channel)), self.last_event(channel))
    }
}

impl Hub {
    /// Notes who a client is on its new presence channels, and tells those who are there. Returns whether anybody is told.
    pub(super) fn join_presence(&self, published: &mut Published, session: SessionId, asked: &Asked<'_>) -> bool {
        let Some(member) = &asked.member else { return false };
        let mut is_told = false;
        for channel in asked.new.iter().filter(|channel| channel.is_presence()) {
            if published.presence.join(channel, session, member) {
                self.webhooks().tell(Happened::MemberAdded { channel: channel.clone(), user: member.user.clone() });
                self.tell_subscribers(published, channel, session, Beside::Joined(member));
                is_told = true;
            }
        }
        is_told
    }

    /// Notes that a client has left a presence channel. If it was the user's last one, those who are there may be told.
    pub(super) fn leave_presence(&self, channel: &ChannelName, session: SessionId, is_told: bool) {
        let mut published = self.lock();
        let Some(user) = published.presence.leave(channel, session) else { return };
        self.webhooks().tell(Happened::MemberRemoved { channel: channel.clone(), user: user.clone() });
        if is_told {
            self.tell_subscribers(&mut published, channel, session, Beside::Left(&user));
            drop(published);
            self.wake();
        }
    }

    /// Tells a client who is on a channel. The answer stands behind everybody who has come before.
    pub(super) fn tell_members(&self, session: SessionId, channel: &ChannelName, reference: Option<&RawValue>) {
        let published = self.lock();
        let mut members = published.presence.of(channel);
        let inbox = self.inbox(session);
        let place = inbox.reserve(session);
        // Publishers need not wait while it is written.
        drop(published);
        members.sort_unstable_by(|one, other| one.user.cmp(&other.user));
        let members = members.iter().map(|Member { user, info }| Present::new(user, info.as_deref())).collect();
        let message = ServerMessage::Members { reference, channel: channel.as_str(), members };
        inbox.fill(place, message.encode().into());
    }

    /// Sends an event of a client to the other subscribers of a channel.
    pub(super) fn send_client_event(&self, channel: &ChannelName, session: SessionId, sent: &ClientEvent) {
        let mut published = self.lock();
        let user = published.presence.user_of(channel, session);
        self.tell_subscribers(&mut published, channel, session, Beside::ClientEvent(sent, user.as_deref()));
        // Under the lock, so that webhooks are told in the order in which clients are.
        if self.webhooks().wants(WebhookEvent::ClientEvent) {
            self.webhooks().tell(Happened::ClientEvent {
                channel: channel.clone(),
                event: sent.event.as_str().into(),
                data: sent.data.as_deref().map(event::content_of_data).unwrap_or_default().into(),
                client: self.client_id(session).to_string(),
                user,
            });
        }
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
                if !matches!(beside, Beside::ClientEvent(..)) {
                    frames.last_is_presence();
                }
            }
        }
        self.append_to_all(&[], &[0], &[], &frames);
        published.frames = frames;
        published.last = place;
        published.without_number += 1;
    }
}
