//! How far the clients are, as the one that feeds the hub learns it: what may be forgotten, and who would have to be
//! waited for.

use std::time::Instant;

use super::Shard;
use super::deadlines::PROGRESS_TIMEOUT;
use crate::application::Application;
use crate::hub::pace::{Pace, Speed};
use crate::hub::progress::{ClientCounts, Progress};

impl<A: Application> Shard<A> {
    /// Tells the source how far all clients are, and forgets the frames that no client needs any more.
    pub(super) fn publish_progress(&mut self, now: Instant) {
        let head = self.log.head();
        let (far, far_of_outbox) = (self.limits.window(), (self.limits.max_outbox_bytes as u64 / 4).max(1));
        let mut written = head;
        let mut counts =
            ClientCounts { sessions: self.sessions.len() - self.closing_sessions, ..ClientCounts::default() };
        for key in &self.behind {
            let session = &mut self.sessions[*key];
            // How far it is behind, in quarters of what it may be, and how much it has taken.
            let (quarters, position) = match session.needs() {
                Some(position) => {
                    written = written.min(position);
                    ((head - position) / far, Some(position))
                }
                None => (session.outbox_len() as u64 / far_of_outbox, None),
            };
            if quarters == 0 || session.is_closing() {
                continue;
            }
            let pace = session.pace.get_or_insert_with(|| Box::new(Pace::new(position.unwrap_or_default(), now)));
            let speed = pace.measure(position.unwrap_or_else(|| pace.taken()), now);
            counts.far_behind += 1;
            counts.reading += usize::from(matches!(speed, Speed::Moderate | Speed::Fast));
            if quarters >= 3 {
                counts.near_log_tail += usize::from(speed != Speed::Slow);
                let may_be_fast = matches!(speed, Speed::Unknown | Speed::Fast);
                counts.fast_near_log_tail += usize::from(may_be_fast);
            }
            if now.saturating_duration_since(session.progressed) < PROGRESS_TIMEOUT {
                counts.moving += 1;
            }
        }
        // The log is released up to where the sessions stand that are behind. All others stand at its head.
        debug_assert!(self.sessions.iter().all(|(key, session)| {
            self.behind.contains(&key) || session.needs().is_none_or(|position| position == head)
        }));
        let last = self.log.last();
        let delivered = self.log.last_before(written).min(self.undelivered.delivered(last));
        let progress = Progress { offered: self.waiting.offered(last, now), delivered };
        self.log.release(written);
        self.inbox.publish(progress, counts);
        self.publish_counts();
    }
}
