//! Clients that name a place in the stream of several machines that has not come here yet. They wait for it, so that no
//! client is ever behind a place that its server does not know.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Shard;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::Hub;
use crate::hub::joining::Joining;
use crate::protocol::after::After;
use crate::protocol::command::{Command, Request};
use crate::protocol::id::StreamId;
use crate::session_id::SessionId;

/// How long a client waits. Then it is told to come back later.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who waits, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    joining: VecDeque<(Instant, Box<Joining>)>,
    /// Clients whose command waits, with what they have sent behind it.
    asking: VecDeque<(Instant, SessionId, Vec<Request>)>,
    /// What was known of the stream when it was last asked whether they still have to wait.
    version: u64,
}

impl Ahead {
    fn is_empty(&self) -> bool {
        self.joining.is_empty() && self.asking.is_empty()
    }

    /// When somebody has waited for long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        let joining = self.joining.front().map(|(until, _)| *until);
        self.asking.front().map(|(until, ..)| *until).into_iter().chain(joining).min()
    }

    /// The clients that wait to join.
    pub(super) fn take_joining(&mut self) -> impl Iterator<Item = Box<Joining>> {
        self.joining.drain(..).map(|(_, joining)| joining)
    }
}

impl<A: Application> Shard<A> {
    /// Lets a client wait that has to. Returns it if it need not.
    pub(super) fn await_stream(&mut self, joining: Box<Joining>, now: Instant) -> Option<Box<Joining>> {
        let after = joining.opening.after().and_then(After::parse);
        let Some(id) = after.and_then(|after| self.hub.ahead(after)) else { return Some(joining) };
        self.note_version();
        self.ahead.joining.push_back((now + PATIENCE, joining));
        self.hub.ask_for(id);
        None
    }

    /// Lets a command wait that has to, and what the client has sent behind it. Returns it if it need not.
    pub(super) fn await_stream_for(&mut self, id: SessionId, request: Request, now: Instant) -> Option<Request> {
        if let Some((_, _, requests)) = self.ahead.asking.iter_mut().find(|(_, asking, _)| *asking == id) {
            requests.push(request);
            return None;
        }
        let Some(place) = place_of(&self.hub, &request) else { return Some(request) };
        self.note_version();
        self.ahead.asking.push_back((now + PATIENCE, id, vec![request]));
        self.hub.ask_for(place);
        // What it sends now stays where it is.
        if let Some(key) = self.key(id) {
            self.sessions[key].pause();
        }
        None
    }

    /// What comes from now on is looked at.
    fn note_version(&mut self) {
        if self.ahead.is_empty() {
            self.ahead.version = self.hub.stream_version();
        }
    }

    /// Goes on with those who have waited for what is there now, and ends the wait of others.
    pub(super) fn go_on_after_stream(&mut self, now: Instant) {
        let version = self.hub.stream_version();
        let is_overdue = self.ahead.next().is_some_and(|until| until <= now);
        if self.ahead.is_empty() || version == self.ahead.version && !is_overdue {
            return;
        }
        self.ahead.version = version;
        for (until, joining) in std::mem::take(&mut self.ahead.joining) {
            let after = joining.opening.after().and_then(After::parse);
            if after.and_then(|after| self.hub.ahead(after)).is_none() {
                self.joining.push_back(joining);
            } else if until <= now {
                joining.refuse_for_now();
            } else {
                self.ahead.joining.push_back((until, joining));
            }
        }
        for (until, id, requests) in std::mem::take(&mut self.ahead.asking) {
            let Some(key) = self.key(id) else { continue };
            if requests.first().and_then(|request| place_of(&self.hub, request)).is_none() {
                self.sessions[key].resume();
                self.mark_unread(key);
                requests.into_iter().for_each(|request| self.follow(id, request, now));
            } else if until <= now {
                self.hub.close(id, Disconnect::Overloaded);
            } else {
                self.ahead.asking.push_back((until, id, requests));
            }
        }
    }
}

/// The place that a command has to wait for.
fn place_of(hub: &Hub, request: &Request) -> Option<StreamId> {
    let Ok(Command::Subscribe { after: Some(after), .. }) = &request.command else { return None };
    hub.ahead(*after)
}
