//! Writing: what the log has for all sessions, and what each outbox has for one.

use std::time::Instant;

use tracing::debug;

use super::Shard;
use crate::application::Application;
use crate::hub::inbox::Arrivals;
use crate::hub::log::Position;
use crate::hub::session::{Session, WriteOutcome};

/// Bytes of the log that are written to a client before it is the next one's turn. More at once fills kernel buffers
/// that nobody empties meanwhile: without the limit 5,000 clients of 1,000-byte messages took 1.1 times the CPU, at
/// 0.75 of the speed.
const ROUND_BYTES: u64 = 256 * 1024;

impl<A: Application> Shard<A> {
    /// Appends frames to the log. Sessions that it no longer covers are disconnected.
    pub(super) fn append(&mut self, arrivals: &Arrivals, now: Instant) {
        self.log.append(&arrivals.frames, &arrivals.ends);
        let overflow = self.log.overflow();
        if overflow > self.log.tail() {
            let fallen = |key: &usize| self.sessions[*key].needs().is_some_and(|position| position < overflow);
            let fallen: Vec<usize> = self.behind.iter().copied().filter(fallen).collect();
            for key in fallen {
                // One that was not reached yet may have had to go for its memory.
                if self.sessions.contains(key) {
                    self.disconnect_slow(key, now);
                }
                // Each may keep the rest of a message for itself, and many fall out at once.
                self.bound_memory(now);
            }
        }
    }

    /// Writes every client's gap, in rounds.
    pub(super) fn write_all(&mut self, from: Position, now: Instant) {
        let head = self.log.head();
        let mut limit = from;
        while limit < head {
            limit = head.min(limit + ROUND_BYTES);
            for key in 0..self.sessions.capacity() {
                // A session whose socket is full is written to when the kernel says that there is room.
                let is_ready = |session: &Session| !session.blocked && session.subscriber().is_none();
                if self.sessions.get(key).is_some_and(is_ready) {
                    self.write_up_to(limit, key, now);
                }
            }
        }
    }

    pub(super) fn write(&mut self, key: usize, now: Instant) {
        self.write_up_to(self.log.head(), key, now);
    }

    pub(super) fn write_up_to(&mut self, limit: Position, key: usize, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        match session.write(limit, &self.log, now) {
            Ok(WriteOutcome::All) => {
                session.pace = None;
                self.behind.remove(&key);
            }
            Ok(WriteOutcome::Blocked) => {
                self.behind.insert(key);
            }
            Ok(WriteOutcome::Finished) => return self.remove(key),
            Err(error) => {
                debug!(session = session.id.0, %error, "connection broke");
                return self.remove(key);
            }
        }
        if self.sessions[key].counted_bytes > 0 {
            self.count_memory(key);
        }
    }
}
