//! The end of a server: its clients are closed one after the other, within a grace.

use std::time::{Duration, Instant};

use super::Shard;
use super::close_order::CloseOrder;
use super::commands::tell_closed;
use crate::application::Application;
use crate::disconnect::Disconnect;

impl<A: Application> Shard<A> {
    pub(super) fn begin_to_stop(&mut self, grace: Duration, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        let sessions = self.sessions.iter().map(|(_, session)| session.id).collect();
        self.stopping = Some(CloseOrder::new(sessions, grace, now));
        self.close_due(now);
    }

    /// Closes the sessions whose turn it is, one after the other, so that clients do not all come back at once.
    pub(super) fn close_due(&mut self, now: Instant) {
        let Some(mut stopping) = self.stopping.take() else { return };
        while let Some(id) = stopping.take_due(now) {
            if let Some(key) = self.key(id) {
                self.close(key, self.log.head(), Disconnect::Shutdown, now);
            }
        }
        self.stopping = Some(stopping);
    }

    /// Tells whether all clients have left, or their grace is over: then they are dropped.
    pub(super) fn has_stopped(&mut self, now: Instant) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        if !self.sessions.is_empty() && now < stopping.deadline() {
            return false;
        }
        for (_, session) in self.sessions.iter().filter(|(_, session)| !session.is_closing()) {
            tell_closed(&mut self.application, session);
        }
        let keys: Vec<usize> = self.sessions.iter().map(|(key, _)| key).collect();
        for key in keys {
            // One after the other: who leaves a channel changes what another session knows of it.
            let session = self.sessions.remove(key);
            let subscriptions = session.subscriber().map_or(&[][..], |subscriber| subscriber.subscriptions());
            self.leave_all(session.id, subscriptions);
        }
        self.behind.clear();
        (self.closing_sessions, self.in_log) = (0, 0);
        self.counts.all_left();
        self.publish_progress(now);
        true
    }
}
