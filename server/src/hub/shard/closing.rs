//! The end of a server: its clients are closed one after the other, within a grace.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Shard;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::session_id::SessionId;

/// Time between the close frames of a server that stops, unless half of its grace is too short for it.
const CLOSE_SPACING: Duration = Duration::from_millis(1);

/// How the sessions are closed when the server stops.
pub(super) struct Closing {
    pub(super) deadline: Instant,
    /// When the next session is closed.
    pub(super) next: Instant,
    spacing: Duration,
    pub(super) sessions: VecDeque<SessionId>,
}

impl<A: Application> Shard<A> {
    pub(super) fn begin_to_stop(&mut self, grace: Duration, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        let sessions: VecDeque<SessionId> = self.sessions.iter().map(|(_, session)| session.id).collect();
        let spread = (CLOSE_SPACING * sessions.len() as u32).min(grace / 2);
        let spacing = spread.checked_div(sessions.len() as u32).unwrap_or_default();
        self.stopping = Some(Closing { deadline: now + grace, next: now, spacing, sessions });
        self.close_due(now);
    }

    /// Closes the sessions whose turn it is, one after the other, so that clients do not all come back at once.
    pub(super) fn close_due(&mut self, now: Instant) {
        let Some(mut stopping) = self.stopping.take() else { return };
        while now >= stopping.next
            && let Some(id) = stopping.sessions.pop_front()
        {
            stopping.next += stopping.spacing;
            if let Some(key) = self.key(id) {
                self.close(key, self.log.head(), Disconnect::Shutdown, now);
            }
        }
        self.stopping = Some(stopping);
    }

    /// Tells whether all clients have left, or their grace is over: then they are dropped.
    pub(super) fn has_stopped(&mut self, now: Instant) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        if !self.sessions.is_empty() && now < stopping.deadline {
            return false;
        }
        for (_, session) in self.sessions.iter().filter(|(_, session)| !session.is_closing()) {
            self.application.closed(session.id);
        }
        self.sessions.clear();
        self.behind.clear();
        self.closing_sessions = 0;
        self.publish_progress(now);
        true
    }
}
