//! Who waits: for a message, or for a time. Where a waiting call continues, and in which order those that may go on do.
//!
//! Knows nothing of PHP; the event loop continues them.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use slab::Slab;

/// A waiting call. Never reused while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ParkId {
    sequence: u64,
    key: usize,
}

/// The waiting calls, each with `T`: how it continues.
#[derive(Debug)]
pub(crate) struct Parking<T> {
    parked: RefCell<Slab<(u64, T)>>,
    sequence: Cell<u64>,
    ready: RefCell<VecDeque<ParkId>>,
    timers: RefCell<BinaryHeap<Reverse<(Instant, ParkId)>>>,
}

impl<T: Copy> Parking<T> {
    pub(crate) fn new() -> Parking<T> {
        Parking {
            parked: RefCell::new(Slab::new()),
            sequence: Cell::new(0),
            ready: RefCell::default(),
            timers: RefCell::default(),
        }
    }

    /// Adds somebody who waits.
    pub(crate) fn park(&self, how: T) -> ParkId {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        ParkId { sequence, key: self.parked.borrow_mut().insert((sequence, how)) }
    }

    /// Somebody waits no more, for whatever reason.
    pub(crate) fn leave(&self, id: ParkId) {
        if self.find(id).is_some() {
            self.parked.borrow_mut().remove(id.key);
        }
    }

    /// How a waiting call continues; none if it has.
    pub(crate) fn find(&self, id: ParkId) -> Option<T> {
        self.parked.borrow().get(id.key).filter(|(sequence, _)| *sequence == id.sequence).map(|(_, how)| *how)
    }

    /// Lets a waiting call continue at the next turn.
    pub(crate) fn wake(&self, id: ParkId) {
        self.ready.borrow_mut().push_back(id);
    }

    /// Lets all waiting calls continue.
    pub(crate) fn wake_all(&self) {
        let parked = self.parked.borrow();
        let ids = parked.iter().map(|(key, (sequence, _))| ParkId { sequence: *sequence, key });
        self.ready.borrow_mut().extend(ids);
    }

    /// Lets a waiting call continue at the given time.
    pub(crate) fn wake_at(&self, time: Instant, id: ParkId) {
        self.timers.borrow_mut().push(Reverse((time, id)));
    }

    /// Lets all continue whose time has come.
    pub(crate) fn fire_timers(&self) {
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
            if self.find(id).is_some() {
                return Some(time);
            }
            timers.pop();
        }
        None
    }

    /// Takes the next one that may continue.
    pub(crate) fn next_ready(&self) -> Option<ParkId> {
        self.ready.borrow_mut().pop_front()
    }

    /// How many may continue now.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.borrow().len()
    }
}
