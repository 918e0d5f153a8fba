//! What all clients know of the run, and what the one that gets everything shows.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use testkit::until;

use crate::torture::message::{EventKey, Id};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Gets what is for everybody while it is there, without ids.
    Plain,
    ByUrl,
    /// Asks for some channels by its URL, and for others by a command.
    Native,
    /// A stream of server-sent events.
    Stream,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Plain, Kind::ByUrl, Kind::Native, Kind::Stream];

/// What all clients are told.
pub(crate) struct Play {
    /// Of the broadcasters.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The last event that is for everybody.
    pub(crate) last: EventKey,
    /// When everybody stays until it has everything. Before the last events are queued.
    pub(crate) ending: OnceLock<u64>,
    /// The position behind the last event, which is in all channels.
    pub(crate) end: OnceLock<Id>,
    /// The test has failed elsewhere.
    pub(crate) is_over: AtomicBool,
}

/// How far the client is that gets everything.
#[derive(Default)]
pub(crate) struct Progress {
    at: Mutex<(usize, Option<Id>)>,
    pub(crate) has_ended: AtomicBool,
}

impl Progress {
    /// How many events it got, and its last position.
    pub(crate) fn get(&self) -> (usize, Option<Id>) {
        *self.at.lock().unwrap()
    }

    /// Waits until it got so many events.
    pub(crate) fn until_it_has(&self, events: usize) {
        let has_ended = || self.has_ended.load(Ordering::SeqCst);
        until("all events have arrived", || self.get().0 >= events || has_ended());
        assert_eq!((self.get().0, has_ended()), (events, false), "events that arrived");
    }

    pub(crate) fn adds_event(&self) {
        self.at.lock().unwrap().0 += 1;
    }

    pub(crate) fn moves_to(&self, id: Id) {
        self.at.lock().unwrap().1 = Some(id);
    }
}
