//! The calls that wait for a message or for a time: how each of them continues, and in which order those that may
//! continue do.
//!
//! Knows nothing of PHP; the event loop continues them.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use slab::Slab;

/// A waiting call. Never used again while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WaiterId {
    sequence: u64,
    key: usize,
}

/// The waiting calls, each with `T`: how it continues.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    waiting: RefCell<Slab<(u64, T)>>,
    sequence: Cell<u64>,
    ready: RefCell<VecDeque<WaiterId>>,
    timers: RefCell<BinaryHeap<Reverse<(Instant, WaiterId)>>>,
}

impl<T: Copy> Waiters<T> {
    pub(crate) fn new() -> Waiters<T> {
        Waiters {
            waiting: RefCell::new(Slab::new()),
            sequence: Cell::new(0),
            ready: RefCell::default(),
            timers: RefCell::default(),
        }
    }

    /// Adds a waiting call.
    pub(crate) fn add(&self, how: T) -> WaiterId {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        WaiterId { sequence, key: self.waiting.borrow_mut().insert((sequence, how)) }
    }

    /// Removes a call that waits no more, for whatever reason.
    pub(crate) fn remove(&self, id: WaiterId) {
        if self.get(id).is_some() {
            self.waiting.borrow_mut().remove(id.key);
        }
    }

    /// How a waiting call continues; none if it does not wait any more.
    pub(crate) fn get(&self, id: WaiterId) -> Option<T> {
        self.waiting.borrow().get(id.key).filter(|(sequence, _)| *sequence == id.sequence).map(|(_, how)| *how)
    }

    /// Lets a waiting call continue at the next turn.
    pub(crate) fn wake(&self, id: WaiterId) {
        self.ready.borrow_mut().push_back(id);
    }

    /// Lets all waiting calls continue.
    pub(crate) fn wake_all(&self) {
        let waiting = self.waiting.borrow();
        let ids = waiting.iter().map(|(key, (sequence, _))| WaiterId { sequence: *sequence, key });
        self.ready.borrow_mut().extend(ids);
    }

    /// Lets a waiting call continue at the given time.
    pub(crate) fn wake_at(&self, time: Instant, id: WaiterId) {
        self.timers.borrow_mut().push(Reverse((time, id)));
    }

    /// Lets all continue whose time has come.
    pub(crate) fn wake_due(&self) {
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(Reverse((_, id))) = timers.peek().copied().filter(|Reverse((time, _))| *time <= now) {
            timers.pop();
            self.wake(id);
        }
    }

    /// When the next timer is due.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        let mut timers = self.timers.borrow_mut();
        while let Some(Reverse((time, id))) = timers.peek().copied() {
            if self.get(id).is_some() {
                return Some(time);
            }
            timers.pop();
        }
        None
    }

    /// Takes the next one that may continue.
    pub(crate) fn next_ready(&self) -> Option<WaiterId> {
        self.ready.borrow_mut().pop_front()
    }

    /// How many may continue now.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.borrow().len()
    }
}
