//! The memory that clients take together: what waits to be sent to one of them alone, and messages that are not
//! complete. Where it exceeds its bound, those that take most of it have to go.

use std::time::Instant;

use tracing::warn;

use super::Shard;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::trim::give_back_memory;

/// Bytes that one who has to go may hold until it has left. With more it is cut off without a close frame.
pub(super) const LEAVING_BYTES: usize = 4 * 1024;
/// So much must have become free for it to be worth giving back.
const WORTH_GIVING_BACK: usize = 16 * 1024 * 1024;

impl<A: Application> Shard<A> {
    /// Takes the memory of a session into the sum.
    pub(super) fn count_memory(&mut self, key: usize) {
        if let Some(session) = self.sessions.get_mut(key) {
            let held = session.held_bytes();
            self.held_bytes = self.held_bytes - session.counted_bytes + held;
            session.counted_bytes = held;
            self.most_held_bytes = self.most_held_bytes.max(self.held_bytes);
        }
    }

    /// Gives memory back to the system when clients hold much less than before.
    pub(super) fn give_back_freed(&mut self) {
        let are_channels_gone = self.channels.take_gone();
        let is_much_free = self.most_held_bytes - self.held_bytes >= WORTH_GIVING_BACK.max(self.most_held_bytes / 2);
        if is_much_free || are_channels_gone {
            self.most_held_bytes = self.held_bytes;
            give_back_memory();
        }
    }

    /// Whether all sessions hold more than they may.
    pub(super) fn exceeds_memory(&self) -> bool {
        self.held_bytes + self.undelivered.shared_bytes() > self.max_memory
    }

    /// Disconnects the sessions that hold most, if all hold too much.
    pub(super) fn bound_memory(&mut self, now: Instant) {
        let limit = self.max_memory;
        if !self.exceeds_memory() {
            return;
        }
        // Those that are leaving go first: they lose nothing that they could still use.
        let mut holders: Vec<(bool, usize, usize)> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.counted_bytes > 0)
            .map(|(key, session)| (session.is_closing(), session.counted_bytes.max(session.outbox_len()), key))
            .collect();
        holders.sort_unstable_by(|one, other| other.cmp(one));
        // Some more than needed, so that this is not done again for the next byte.
        let enough = limit - limit / 8;
        let mut disconnected = 0;
        for (was_closing, _, key) in holders {
            if self.held_bytes + self.undelivered.shared_bytes() <= enough {
                break;
            }
            if was_closing {
                self.remove(key);
                continue;
            }
            self.disconnect(key, Disconnect::Overloaded, now);
            if self.sessions.get(key).is_some_and(|session| session.counted_bytes > LEAVING_BYTES) {
                self.remove(key);
            }
            disconnected += 1;
        }
        if disconnected > 0
            && let Some(suppressed) = self.hub.notices().memory.allow(now)
        {
            warn!(
                disconnected,
                suppressed,
                max_bytes = limit,
                "clients hold more memory than this thread's part of max_memory, those that hold most are disconnected"
            );
        }
    }
}
