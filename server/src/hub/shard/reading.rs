//! Whom a thread of the hub reads from next. A client has a turn of some kilobytes, all of them together have a slice
//! of time, and then what is to be broadcast has precedence.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::Shard;
use crate::application::{Application, Reception};
use crate::disconnect::Disconnect;
use crate::hub::session::ReadOutcome;
use crate::protocol::command::Request;
use crate::protocol::{Protocol, plain, pusher};

/// How long clients are read from before the inbox is looked at again.
const SLICE: Duration = Duration::from_millis(2);

impl<A: Application> Shard<A> {
    /// Notes that a session has something to read.
    pub(super) fn mark_unread(&mut self, key: usize) {
        if let Some(session) = self.sessions.get_mut(key)
            && !std::mem::replace(&mut session.unread, true)
        {
            self.reading.push(key);
        }
    }

    /// Gives every session that has something to read one turn, as far as the time goes.
    pub(super) fn read_unread(&mut self, now: Instant) {
        self.reading.wake(now);
        let begin = Instant::now();
        for _ in 0..self.reading.len() {
            let Some(key) = self.reading.pop() else { return };
            if self.sessions.get_mut(key).is_some_and(|session| std::mem::take(&mut session.unread)) {
                self.read(key, now);
                if begin.elapsed() >= SLICE {
                    return;
                }
            }
        }
    }

    fn read(&mut self, key: usize, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (id, was_closing) = (session.id, session.is_closing());
        let (application, hub, relay) = (&mut self.application, &self.hub, self.limits.relay_client_events);
        let is_pusher = matches!(session.protocol(), Protocol::Pusher(_));
        let is_native = session.subscriber().is_some_and(|subscriber| subscriber.is_native);
        let max_channels = self.limits.max_channels_per_client;
        let listens = is_native || is_pusher || relay || application.listens();
        let (mut requests, mut commands) = (Vec::new(), Vec::new());
        let deliver = listens.then_some(|message| {
            if is_pusher {
                commands.push(pusher::command::Command::of(&message));
                return ControlFlow::Continue(());
            }
            if is_native && let Some(request) = Request::of(&message, max_channels) {
                requests.push(request);
                return ControlFlow::Continue(());
            }
            match application.received(id, message) {
                Reception::Taken => ControlFlow::Continue(()),
                Reception::TakenAndFull => ControlFlow::Break(()),
                Reception::Declined(message) => {
                    if relay && let Some(event) = plain::relayed_event(&message) {
                        hub.relay(id, event);
                    } else if is_native {
                        requests.push(Request::unknown());
                    }
                    ControlFlow::Continue(())
                }
            }
        });
        let (outcome, messages) = session.read(&mut self.read_buffer, &self.log, &self.limits, now, deliver);
        self.turn_counts.received(session.spoken, messages);
        requests.into_iter().for_each(|request| self.follow(id, request, now));
        commands.into_iter().for_each(|command| self.follow_pusher(id, command, now));
        // What came in meanwhile was written, and its connection may have turned out to be broken.
        if self.key(id).is_none() {
            return;
        }
        match outcome {
            ReadOutcome::Ended => return self.remove(key),
            ReadOutcome::All => self.sessions[key].throttled = false,
            ReadOutcome::More => {
                self.sessions[key].throttled = false;
                self.mark_unread(key);
            }
            ReadOutcome::Throttled(again) => self.wait_to_read(key, again, now),
            ReadOutcome::Paused => self.set_deadline_if_peer_closed(key, now),
            ReadOutcome::Closing(reason) => {
                self.explain(key, reason, now);
                self.closing(key, was_closing, reason, now);
            }
        }
        self.write(key, now);
        // A client that pings and does not read the pongs must not fill our memory.
        self.bound_outbox(key, now);
    }

    /// Reads from a client again when it may send again.
    fn wait_to_read(&mut self, key: usize, again: Instant, now: Instant) {
        let session = &mut self.sessions[key];
        (session.unread, session.throttled) = (true, true);
        self.reading.wait(key, again);
        self.set_deadline_if_peer_closed(key, now);
        let session = &mut self.sessions[key];
        if let Some(suppressed) = self.hub.notices().throttled.allow(now) {
            let address = session.stream().peer_addr().ok().map(tracing::field::display);
            info!(
                session = session.id.0,
                address,
                suppressed,
                "client sends more than max_messages_per_sec or max_bytes_per_sec, so the server reads from it more slowly"
            );
        }
    }

    fn explain(&mut self, key: usize, reason: Option<Disconnect>, now: Instant) {
        if reason == Some(Disconnect::TooManyFrames)
            && let Some(suppressed) = self.hub.notices().frames.allow(now)
        {
            let session = &mut self.sessions[key];
            let address = session.stream().peer_addr().ok().map(tracing::field::display);
            warn!(
                session = session.id.0,
                address, suppressed, "client sent a message in too many frames, disconnected"
            );
        }
    }
}
