//! Which list has the oldest event.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use queue::ChannelName;

use crate::history::log::LogTime;
use crate::publication::Seq;

/// The first event of a list, or one before it: a list drops events itself when it is full, and says nothing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Front {
    pub(super) seq: Seq,
    pub(super) at: LogTime,
    /// Whose list it is. `None`: what is for everybody.
    pub(super) channel: Option<ChannelName>,
}

/// A front of each list that has events.
#[derive(Debug, Default)]
pub(super) struct Fronts {
    heap: BinaryHeap<Reverse<Front>>,
}

impl Fronts {
    pub(super) fn push(&mut self, front: Front) {
        self.heap.push(Reverse(front));
    }

    /// The oldest one.
    pub(super) fn first(&self) -> Option<&Front> {
        self.heap.peek().map(|Reverse(front)| front)
    }

    /// Takes it out.
    pub(super) fn pop(&mut self) -> Option<Front> {
        let front = self.heap.pop()?;
        if self.heap.len() < self.heap.capacity() / 4 {
            self.heap.shrink_to(2 * self.heap.len());
        }
        Some(front.0)
    }
}
