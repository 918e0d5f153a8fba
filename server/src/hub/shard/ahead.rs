//! Clients that name an entry of the broker's stream that has not come to this machine yet. They wait for it. Otherwise
//! they would be told of a gap, or get events again that they have.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Shard;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::Hub;
use crate::hub::joining::Joining;
use crate::metrics::RefusedFor;
use crate::protocol::after::After;
use crate::protocol::command::{Command, Request};
use crate::protocol::id::StreamId;
use crate::session_id::SessionId;

/// How long a client waits. Then it is told to come back later.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How many wait on one thread. More are told to come back later.
const MAX_WAITING: usize = 4096;

/// Who waits, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    joining: VecDeque<Wait<Box<Joining>>>,
    /// Clients whose command waits, with what they have sent behind it.
    asking: VecDeque<Wait<(SessionId, Vec<Request>)>>,
    /// The [version](Hub::stream_version) of the stream when it was last checked who still has to wait.
    version: u64,
}

/// Somebody who waits.
#[derive(Debug)]
struct Wait<T> {
    id: StreamId,
    until: Instant,
    who: T,
}

/// What becomes of one.
enum Next<T> {
    GoesOn(T),
    ComesBackLater(T),
}

impl Ahead {
    fn len(&self) -> usize {
        self.joining.len() + self.asking.len()
    }

    /// When somebody has waited for long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        let joining = self.joining.front().map(|wait| wait.until);
        self.asking.front().map(|wait| wait.until).into_iter().chain(joining).min()
    }

    /// The clients that wait to join.
    pub(super) fn take_joining(&mut self) -> impl Iterator<Item = Box<Joining>> {
        self.joining.drain(..).map(|wait| wait.who)
    }
}

impl<A: Application> Shard<A> {
    /// Lets a client wait that has named an entry that has not come yet. Returns any other client: it may join.
    pub(super) fn await_stream(&mut self, joining: Box<Joining>, now: Instant) -> Option<Box<Joining>> {
        let after = joining.opening.after().and_then(After::parse);
        let Some(id) = after.and_then(|after| self.hub.ahead(after)) else { return Some(joining) };
        if self.begin_to_wait(id) {
            self.ahead.joining.push_back(Wait { id, until: now + WAIT_TIMEOUT, who: joining });
        } else {
            self.refuse_for_now(joining, now);
        }
        None
    }

    /// Tells a client that has not joined to come back later.
    fn refuse_for_now(&mut self, joining: Box<Joining>, now: Instant) {
        let still = joining.refuse_for_now();
        if still.is_none() {
            self.hub.metrics().refused(RefusedFor::Ahead);
        }
        if let Some(mut joining) = still {
            // It is told by a close frame, which it answers.
            joining.opening.want_nothing();
            if let Some(key) = self.join(self.log.head(), *joining, now) {
                self.close(key, self.log.head(), Disconnect::Overloaded, now);
            }
        }
    }

    /// Lets a command wait that names an entry that has not come yet, and what the client sends after it. Returns any
    /// other command: it is to be carried out.
    pub(super) fn await_stream_for(&mut self, session: SessionId, request: Request, now: Instant) -> Option<Request> {
        let key = self.key(session)?;
        if self.sessions[key].is_paused()
            && let Some(wait) = self.ahead.asking.iter_mut().find(|wait| wait.who.0 == session)
        {
            wait.who.1.push(request);
            return None;
        }
        let after = match &request.command {
            Ok(Command::Subscribe { after, .. }) => *after,
            _ => None,
        };
        let Some(id) = after.and_then(|after| self.hub.ahead(after)) else { return Some(request) };
        if self.begin_to_wait(id) {
            self.ahead.asking.push_back(Wait { id, until: now + WAIT_TIMEOUT, who: (session, vec![request]) });
            // What it sends from now on stays in its socket.
            self.sessions[key].pause();
        } else {
            self.hub.close(session, Disconnect::Overloaded);
        }
        None
    }

    /// Asks whether the stream has the entry. Returns whether one more client may wait.
    fn begin_to_wait(&mut self, id: StreamId) -> bool {
        if self.ahead.len() == 0 {
            // Only what changes from now on matters.
            self.ahead.version = self.hub.stream_version();
        }
        let has_room = self.ahead.len() < MAX_WAITING;
        if has_room {
            self.hub.ask_for(id);
        }
        has_room
    }

    /// Goes on with those who have waited for what is there now, and ends the wait of others.
    pub(super) fn go_on_after_stream(&mut self, now: Instant) {
        let version = self.hub.stream_version();
        let is_overdue = self.ahead.next().is_some_and(|until| until <= now);
        if self.ahead.len() == 0 || version == self.ahead.version && !is_overdue {
            return;
        }
        self.ahead.version = version;
        for next in decide(&self.hub, &mut self.ahead.joining, now) {
            match next {
                Next::GoesOn(joining) => self.joining.push_back(joining),
                Next::ComesBackLater(joining) => self.refuse_for_now(joining, now),
            }
        }
        for next in decide(&self.hub, &mut self.ahead.asking, now) {
            match next {
                Next::GoesOn((session, requests)) => {
                    let Some(key) = self.key(session) else { continue };
                    self.sessions[key].resume();
                    self.mark_unread(key);
                    requests.into_iter().for_each(|request| self.follow(session, request, now));
                }
                Next::ComesBackLater((session, _)) => self.hub.close(session, Disconnect::Overloaded),
            }
        }
    }
}

/// Takes out those who need not wait any more, and those whose time is over.
fn decide<T>(hub: &Hub, waiting: &mut VecDeque<Wait<T>>, now: Instant) -> Vec<Next<T>> {
    let still = hub.still_ahead(waiting.iter().map(|wait| wait.id));
    let mut decided = Vec::new();
    for (wait, is_ahead) in std::mem::take(waiting).into_iter().zip(still) {
        if !is_ahead {
            decided.push(Next::GoesOn(wait.who));
        } else if wait.until <= now {
            decided.push(Next::ComesBackLater(wait.who));
        } else {
            waiting.push_back(wait);
        }
    }
    decided
}
