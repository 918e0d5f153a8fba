//! What is counted of the link to other machines.

use std::sync::atomic::{AtomicBool, Ordering};

use super::count::Count;
use crate::unix_time;

/// The counts of the threads that forward and follow.
#[derive(Debug, Default)]
pub(crate) struct BrokerCounts {
    is_connected: AtomicBool,
    /// Connections that the follower has made.
    connections: Count,
    /// Since when the follower is not at the end of the stream, in milliseconds since 1970. 0: it is there.
    behind_since: Count,
    /// Events that were handed over to be forwarded, and those that are in the stream.
    handed_over: Count,
    forwarded: Count,
}

impl BrokerCounts {
    /// Of a server that has to read the stream first, if there is one.
    pub(super) fn beginning() -> BrokerCounts {
        let counts = BrokerCounts::default();
        counts.falls_behind();
        counts
    }

    /// Notes that the follower has a connection that is new.
    pub(crate) fn connects(&self) {
        self.connections.add(1);
        self.is_connected.store(true, Ordering::Relaxed);
    }

    /// Notes that the follower's connection has broken, or cannot be made.
    pub(crate) fn disconnects(&self) {
        self.is_connected.store(false, Ordering::Relaxed);
        self.falls_behind();
    }

    /// Notes that the stream may have more than what the hub has.
    pub(crate) fn falls_behind(&self) {
        if self.behind_since.get() == 0 {
            self.behind_since.set(unix_time::now().as_millis() as u64);
        }
    }

    /// Notes that the hub has all that was in the stream a moment ago.
    pub(crate) fn catches_up(&self) {
        self.behind_since.set(0);
    }

    /// Notes events that are to be forwarded.
    pub(crate) fn hand_over(&self, events: usize) {
        self.handed_over.add(events as u64);
    }

    /// Notes events that are in the stream.
    pub(crate) fn forward(&self, events: usize) {
        self.forwarded.add(events as u64);
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// How often the follower has made its connection anew.
    pub(crate) fn reconnects(&self) -> u64 {
        self.connections.get().saturating_sub(1)
    }

    /// For how many seconds the follower has not been at the end of the stream.
    pub(crate) fn lag_seconds(&self) -> f64 {
        match self.behind_since.get() {
            0 => 0.0,
            since => (unix_time::now().as_millis() as u64).saturating_sub(since) as f64 / 1e3,
        }
    }

    /// Events that are on their way into the stream.
    pub(crate) fn forward_pending(&self) -> u64 {
        // What was forwarded was handed over before: read in this order, the difference is never negative.
        let forwarded = self.forwarded.get();
        self.handed_over.get().saturating_sub(forwarded)
    }
}
