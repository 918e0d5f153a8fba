//! What others ask of the thread: sessions join, are sent to, and end.

use std::time::Instant;

use mio::{Interest, Token};
use queue::url_without_secrets;
use socket2::SockRef;
use tracing::{debug, warn};

use super::Shard;
use super::deadlines::CLOSE_TIMEOUT;
use crate::application::{Application, Client};
use crate::disconnect::Disconnect;
use crate::hub::inbox::Command;
use crate::hub::joining::Joining;
use crate::hub::limits::Limits;
use crate::hub::log::Position;
use crate::hub::reloading::Reloaded;
use crate::hub::session::Session;
use crate::hub::subscriber::Subscriber;
use crate::metrics::{RefusedFor, Spoken};
use crate::protocol::native::ServerMessage;
use crate::protocol::{ClientKind, Wants};
use crate::publication::Seq;
use crate::session_id::SessionId;

/// Clients that join in one turn. To send one client what it has missed takes about 50 µs, and connected clients wait
/// meanwhile.
pub(crate) const JOINS_AT_ONCE: usize = 8;

impl<A: Application> Shard<A> {
    pub(super) fn on_command(&mut self, seq: Seq, command: Command, now: Instant) {
        let position = self.log.end_of(seq);
        match command {
            Command::Join(joining) if self.stopping.is_some() => self.refuse_joining(joining),
            Command::Join(joining) => self.joining.push_back(joining),
            Command::Send(id, frame) => {
                if let Some(key) = self.key(id) {
                    self.flush_turn(key, seq, now);
                    self.count_message(key, frame.len());
                    self.sessions[key].send(position, frame);
                    // Of a burst, once.
                    if self.touched.last() != Some(&key) {
                        self.touched.push(key);
                    }
                }
            }
            Command::Close(id, disconnect) => {
                if let Some(key) = self.key(id) {
                    self.flush_turn(key, seq, now);
                    self.close(key, position, disconnect, now);
                }
            }
            Command::Answer(answer) => {
                // The one who asked may have stopped waiting.
                let _ = answer.send(());
            }
            Command::Act(asked) => {
                let (action, answer) = *asked;
                self.acting.act(action, answer);
            }
            Command::ListChannels(page, answer) => self.acting.list(page, answer),
            Command::Reload(reloaded) => self.reload(&reloaded),
            Command::Resume(id) => {
                if let Some(key) = self.key(id) {
                    self.sessions[key].resume();
                    self.mark_unread(key);
                }
            }
            Command::Gap(id) => self.tell_of_gap(seq, position, &id, now),
            Command::Shutdown { grace } => {
                // Who came before gets an answer and a place in the order in which clients are closed.
                self.let_join(usize::MAX, now);
                let joining: Vec<_> = self.ahead.take_joining().collect();
                joining.into_iter().for_each(|joining| self.refuse_joining(joining));
                self.begin_to_stop(grace, now);
            }
        }
    }

    /// Lets other limits and rights hold. What cannot change while the hub runs stays.
    fn reload(&mut self, reloaded: &Reloaded) {
        let Limits { log_bytes, relay_client_events, .. } = self.limits;
        self.limits = Limits { log_bytes, relay_client_events, ..reloaded.limits.clone() };
        self.max_memory = self.limits.max_memory / self.hub.inboxes().len();
        self.rights = reloaded.rights.clone();
    }

    /// Refuses a client because the server stops.
    fn refuse_joining(&self, joining: Box<Joining>) {
        self.hub.metrics().refused(RefusedFor::Stopping);
        drop(joining.refuse_for_now());
    }

    /// Lets some of the waiting clients join. The others join after what has arrived is delivered.
    pub(super) fn let_join(&mut self, most: usize, now: Instant) {
        for _ in 0..most {
            let Some(joining) = self.joining.pop_front() else { return };
            if let Some(joining) = self.await_stream(joining, now) {
                self.join(self.log.head(), *joining, now);
            }
        }
    }

    /// Tells clients with ids that events were lost before this place. Those who came after it have missed nothing.
    fn tell_of_gap(&mut self, seq: Seq, position: Position, id: &str, now: Instant) {
        let was_there = |session: &Session| {
            let subscriptions = session.subscriber().map_or(&[][..], |subscriber| subscriber.subscriptions());
            !session.is_closing() && subscriptions.iter().any(|subscription| subscription.began < seq)
        };
        let told: Vec<usize> =
            self.sessions.iter().filter(|(_, session)| was_there(session)).map(|(key, _)| key).collect();
        for key in told {
            if let Some(message) = self.sessions[key].protocol().message(&ServerMessage::Gap { id }) {
                self.flush_turn(key, seq, now);
                self.count_message(key, message.len());
                self.sessions[key].send(position, message.into());
                self.touched.push(key);
            }
        }
    }

    /// Makes a session of a client. Returns its key. `None`: there is none.
    pub(super) fn join(&mut self, position: Position, joining: Joining, now: Instant) -> Option<usize> {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.sessions.vacant_entry();
        let key = entry.key();
        let id = SessionId::new(self.generation, self.inbox.index(), key);
        let Joining { address, path, headers, opening, connection } = joining;
        let received_early = opening.has_received();
        let (protocol, wants) = opening.into_parts(self.limits.max_message_bytes, now);
        let Wants { kind, identity, after } = wants;
        let spoken = Spoken::of(&protocol, &kind);
        let subscriber = match &kind {
            ClientKind::Plain => None,
            ClientKind::ApplicationOnly | ClientKind::Pusher => Some(Box::new(Subscriber::new(false, now))),
            ClientKind::Channels { is_native, .. } => Some(Box::new(Subscriber::new(*is_native, now))),
        };
        if protocol.ping().is_none() {
            // It answers nothing, so the kernel has to find out that nobody is there any more.
            let limit = self.limits.pong_timeout.max(self.limits.slow_client_timeout);
            let _ = SockRef::from(&connection.stream).set_tcp_user_timeout(Some(limit));
        }
        let subscriber = subscriber.map(|mut subscriber: Box<Subscriber>| {
            subscriber.heartbeat = self.limits.ping_interval;
            subscriber
        });
        let session = entry.insert(Session::new(id, position, connection, protocol, subscriber, now));
        (session.identity, session.spoken) = (identity, spoken);
        let is_in_log = session.subscriber().is_none();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(session.stream(), token_of(id), interest) {
            if let Some(suppressed) = self.hub.notices().unwatched.allow(now) {
                warn!(%address, %error, suppressed, "cannot watch a new connection");
            }
            self.sessions.remove(key);
            return None;
        }
        debug!(session = id.0, %address, path = %url_without_secrets(&path), "client connected");
        self.touched.push(key);
        self.counts.joined(spoken);
        self.in_log += usize::from(is_in_log);
        // Before what the application sends.
        match kind {
            ClientKind::Channels { channels, everybody, .. } => {
                self.welcome(key, &channels, everybody, after.as_deref());
            }
            ClientKind::Pusher => {
                let is_wanted = self.rights.app.as_ref().is_some_and(|app| app.global_events);
                let everybody = is_wanted && self.rights.gets_everybody(None, None);
                self.welcome(key, &[], everybody, None);
            }
            ClientKind::Plain | ClientKind::ApplicationOnly => {}
        }
        if self.sessions[key].protocol().is_for_applications() {
            self.application.opened(Client { session: id, address, path, headers });
        }
        if received_early {
            self.mark_unread(key);
        }
        Some(key)
    }

    pub(super) fn close(&mut self, key: usize, after: Position, disconnect: Disconnect, now: Instant) {
        self.flush_turn(key, Seq(u64::MAX), now);
        let was_closing = self.sessions[key].is_closing();
        self.sessions[key].close(after, disconnect, &self.limits);
        self.closing(key, was_closing, Some(disconnect), now);
        self.touched.push(key);
    }

    /// From now on the application cannot reach the session, and it has a deadline.
    pub(super) fn closing(&mut self, key: usize, was_closing: bool, reason: Option<Disconnect>, now: Instant) {
        let session = &mut self.sessions[key];
        session.deadline.get_or_insert(now + CLOSE_TIMEOUT);
        if !was_closing {
            self.closing_sessions += 1;
            self.in_log -= usize::from(session.subscriber().is_none());
            self.counts.disconnected(session.spoken, reason);
            tell_closed(&mut self.application, session);
        }
    }

    pub(super) fn remove(&mut self, key: usize) {
        let mut session = self.sessions.remove(key);
        self.behind.remove(&key);
        self.held_bytes -= session.counted_bytes;
        // Dropping the socket removes it from the epoll set as well; this only fails if it never was there.
        let _ = self.registry.deregister(session.stream());
        if let Some(subscriber) = session.subscriber() {
            self.leave_all(session.id, subscriber.subscriptions());
        }
        debug!(session = session.id.0, "client disconnected");
        self.counts.left(session.spoken);
        if session.is_closing() {
            self.closing_sessions -= 1;
        } else {
            self.in_log -= usize::from(session.subscriber().is_none());
            self.counts.disconnected(session.spoken, None);
            tell_closed(&mut self.application, &session);
        }
        if self.sessions.is_empty() {
            // There are no ticks without clients.
            self.give_back_freed();
        }
    }

    pub(super) fn key(&self, id: SessionId) -> Option<usize> {
        self.sessions.get(id.key()).filter(|session| session.id == id).map(|_| id.key())
    }
}

/// By what epoll names a session. Not by its key: another thread can have taken turns since epoll told of it, in which the
/// session ended and a new one got the key.
fn token_of(id: SessionId) -> Token {
    Token(id.0 as usize)
}

/// The session that epoll names.
pub(super) fn session_of(token: Token) -> SessionId {
    SessionId(token.0 as u64)
}

/// Tells the application that the end of a session has begun, if it got to know of it.
pub(super) fn tell_closed(application: &mut impl Application, session: &Session) {
    if session.protocol().is_for_applications() {
        application.closed(session.id);
    }
}
