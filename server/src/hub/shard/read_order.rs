//! Whose turn it is to be read from.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// The sessions that may have something to read.
#[derive(Debug, Default)]
pub(super) struct ReadOrder {
    /// In the order of their turns. One that has left may still be in it, and so may its key's next session.
    unread: VecDeque<usize>,
    /// Those that have sent too much, by the time from which they may send again.
    waiting: BTreeSet<(Instant, usize)>,
}

impl ReadOrder {
    /// Puts a session after those whose turns are now.
    pub(super) fn push(&mut self, key: usize) {
        self.unread.push_back(key);
    }

    /// The session whose turn it is.
    pub(super) fn pop(&mut self) -> Option<usize> {
        self.unread.pop_front()
    }

    /// How many turns are now.
    pub(super) fn len(&self) -> usize {
        self.unread.len()
    }

    /// Lets a session wait until it may send again.
    pub(super) fn wait(&mut self, key: usize, until: Instant) {
        self.waiting.insert((until, key));
    }

    /// Gives turns to those that may send again.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(first) = self.waiting.first().copied().filter(|(time, _)| *time <= now) {
            self.waiting.remove(&first);
            self.push(first.1);
        }
    }

    /// Whether somebody's turn is now.
    pub(super) fn is_due(&self) -> bool {
        !self.unread.is_empty()
    }

    /// When the next of those that wait may send again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.first().map(|(time, _)| *time)
    }
}
