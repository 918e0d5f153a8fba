//! Which clients are waited for, and for how long: those that send nothing, read nothing, or do not leave.

use std::time::{Duration, Instant};

use tracing::debug;

use super::Shard;
use super::deadlines::PROGRESS_TIMEOUT;
use super::memory::LEAVING_BYTES;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::Limits;
use crate::hub::session::Session;
use crate::session_id::SessionId;

/// How often a client is pinged that the application has paused. Its end may come after bytes that nobody reads: a
/// kernel whose program is gone answers the ping with a reset.
const PAUSED_PING_INTERVAL: Duration = Duration::from_secs(5);
/// How many times `max_outbox_bytes` may wait for a client that goes on reading. What PHP sends in one go is in memory
/// long before any socket can have taken it.
const BURST: usize = 4;
/// The part of the ping interval by which those of single sessions are shorter at most, so that clients that came
/// together are not pinged together.
const PING_SPREAD: f64 = 0.1;
/// 2^64 divided by the golden ratio: multiples of it spread ids that follow each other evenly (Fibonacci hashing).
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

impl<A: Application> Shard<A> {
    /// Pings or disconnects clients that send nothing, read nothing, or do not leave.
    pub(super) fn on_tick(&mut self, now: Instant) {
        self.marks.push_back((now, self.log.head()));
        let mut must_have = 0;
        while let Some((_, head)) =
            self.marks.front().filter(|(then, _)| now - *then >= self.limits.slow_client_timeout)
        {
            must_have = *head;
            self.marks.pop_front();
        }
        let (mut expired, mut slow, mut silent, mut pinged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut with_rights = Vec::new();
        for (key, session) in &mut self.sessions {
            if let Some(deadline) = session.deadline {
                if now >= deadline {
                    expired.push(key);
                }
                continue;
            }
            if session.has_rights_that_end() {
                with_rights.push(key);
            }
            let waits_too_long =
                session.waits_since().is_some_and(|since| now - since >= self.limits.slow_client_timeout);
            let stuck = waits_too_long
                || session.blocked && now - session.progressed >= self.limits.slow_client_timeout
                || outbox_is_too_long(session, self.limits.max_outbox_bytes, now);
            // What it has answered may be among what was not read yet.
            let unanswered = !session.unread
                && !session.is_paused()
                && session.unanswered.is_some_and(|since| now - since >= self.limits.pong_timeout);
            if stuck || session.needs().is_some_and(|position| position < must_have) {
                slow.push(key);
            } else if unanswered {
                silent.push(key);
            } else if now - session.pinged >= ping_interval(session, &self.limits) {
                session.ping(&self.log, now);
                pinged.push(key);
            }
        }
        expired.into_iter().for_each(|key| self.remove(key));
        slow.into_iter().for_each(|key| self.disconnect_slow(key, now));
        for key in silent {
            let boundary = self.sessions[key].needs().map_or(self.log.head(), |position| self.log.boundary(position));
            self.close(key, boundary, Disconnect::PingTimeout, now);
        }
        for key in &pinged {
            self.beat(*key);
        }
        self.touched.extend(pinged);
        self.end_rights_of(with_rights, now);
        self.give_back_freed();
    }

    /// Disconnects a client for whom too much waits, although its socket was offered all of it.
    pub(super) fn bound_outbox(&mut self, key: usize, now: Instant) {
        let limit = self.limits.max_outbox_bytes;
        if self.sessions.get(key).is_some_and(|session| session.outbox_len() > limit) {
            // A socket that was full has not been offered it yet.
            self.write(key, now);
        }
        if self.sessions.get(key).is_some_and(|session| outbox_is_too_long(session, limit, now)) {
            self.disconnect_slow(key, now);
        }
        self.count_memory(key);
    }

    pub(super) fn disconnect_slow(&mut self, key: usize, now: Instant) {
        debug!(session = self.sessions[key].id.0, "client is too slow");
        self.disconnect(key, Disconnect::Slow, now);
    }

    /// Disconnects a client that shall not wait for what it was to get: a close frame follows what has begun to be
    /// written. If there is no memory for that, it is cut off at once.
    pub(super) fn disconnect(&mut self, key: usize, reason: Disconnect, now: Instant) {
        let session = &mut self.sessions[key];
        let was_closing = session.is_closing();
        session.fall_out(&self.log, reason);
        self.closing(key, was_closing, Some(reason), now);
        self.count_memory(key);
        // Each keeps a copy of the rest of the message that it has begun. Where many go together, these would take more
        // than all clients may.
        if self.exceeds_memory() && self.sessions[key].counted_bytes > LEAVING_BYTES {
            return self.remove(key);
        }
        self.touched.push(key);
    }
}

fn ping_interval(session: &Session, limits: &Limits) -> Duration {
    // A client that gets nothing for longer than it was told takes the connection for broken.
    let told = session.subscriber().map_or(Duration::MAX, |subscriber| subscriber.heartbeat);
    let interval = spread(limits.ping_interval.min(told), session.id);
    if session.is_paused() { interval.min(PAUSED_PING_INTERVAL) } else { interval }
}

/// The interval of one session: shorter by up to [`PING_SPREAD`].
fn spread(interval: Duration, session: SessionId) -> Duration {
    let part = session.0.wrapping_mul(GOLDEN_RATIO) as f64 / u64::MAX as f64;
    interval.mul_f64(1.0 - PING_SPREAD * part)
}

fn outbox_is_too_long(session: &Session, limit: usize, now: Instant) -> bool {
    let takes = now.duration_since(session.progressed) < PROGRESS_TIMEOUT;
    session.outbox_len() > if takes { limit.saturating_mul(BURST) } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ping_intervals_differ_a_little() {
        let interval = Duration::from_secs(25);
        let intervals: std::collections::BTreeSet<Duration> =
            (0..100).map(|id| spread(interval, SessionId(id << 32))).collect();
        assert!(intervals.len() > 50);
        assert!(intervals.iter().all(|interval| (22.5..=25.0).contains(&interval.as_secs_f64())));
    }
}
