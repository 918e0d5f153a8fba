//! How far the clients are, as whoever feeds the hub learns it: what may be forgotten, and who would have to be waited for.

use std::time::Instant;

use super::FanOut;
use crate::application::Application;
use crate::pace::{Pace, Speed};
use crate::shard::{Crowd, Reached};

impl<A: Application> FanOut<A> {
    /// Tells the consumer how far everybody is, and forgets what nobody needs.
    pub(super) fn publish_progress(&mut self, now: Instant) {
        let head = self.log.head();
        let (far, about_to_fall_out) = (self.limits.window(), 3 * self.limits.window());
        let mut written = head;
        let mut crowd = Crowd { sessions: self.sessions.len() - self.closing_sessions, ..Crowd::default() };
        for key in &self.behind {
            let session = &mut self.sessions[*key];
            let Some(position) = session.needs() else { continue };
            written = written.min(position);
            if head - position < far || session.is_closing() {
                continue;
            }
            let pace = session.pace.get_or_insert_with(|| Box::new(Pace::new(position, now)));
            let speed = pace.measure(position, now);
            crowd.far_behind += 1;
            crowd.reading += usize::from(matches!(speed, Speed::Reads { .. }));
            crowd.pressing += usize::from(speed != Speed::Drips && head - position >= about_to_fall_out);
            if now.saturating_duration_since(session.progressed) < super::PACE_PATIENCE {
                crowd.moving += 1;
            }
        }
        self.log.release(written);
        self.shard.publish(Reached { offered: head, written }, crowd);
    }
}
