//! When each client of a server that stops is closed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::session_id::SessionId;

/// Time between the close frames of a server that stops, unless half of its grace is too short for it.
const CLOSE_SPACING: Duration = Duration::from_millis(1);

/// The sessions of a server that stops, in the order in which they are closed.
pub(super) struct CloseOrder {
    deadline: Instant,
    /// When the next session is closed.
    next: Instant,
    spacing: Duration,
    sessions: VecDeque<SessionId>,
}

impl CloseOrder {
    pub(super) fn new(sessions: VecDeque<SessionId>, grace: Duration, now: Instant) -> CloseOrder {
        let spread = (CLOSE_SPACING * sessions.len() as u32).min(grace / 2);
        let spacing = spread.checked_div(sessions.len() as u32).unwrap_or_default();
        CloseOrder { deadline: now + grace, next: now, spacing, sessions }
    }

    /// When the grace is over.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When the next session is to be closed, if there is one.
    pub(super) fn next(&self) -> Option<Instant> {
        (!self.sessions.is_empty()).then_some(self.next)
    }

    /// The next session, if it is to be closed now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<SessionId> {
        if now < self.next {
            return None;
        }
        let session = self.sessions.pop_front()?;
        self.next += self.spacing;
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_closed_one_after_the_other_within_half_of_the_grace() {
        let now = Instant::now();
        let sessions: VecDeque<SessionId> = (0..100).map(SessionId).collect();
        let grace = Duration::from_millis(100);
        let mut order = CloseOrder::new(sessions, grace, now);
        assert_eq!(order.take_due(now), Some(SessionId(0)));
        assert_eq!(order.take_due(now), None);
        assert_eq!(order.next(), Some(now + Duration::from_micros(500)));
        let rest: Vec<_> = std::iter::from_fn(|| order.take_due(now + grace / 2)).collect();
        assert_eq!((rest.len(), rest.last()), (99, Some(&SessionId(99))));
        assert_eq!((order.next(), order.deadline()), (None, now + grace));
    }
}
