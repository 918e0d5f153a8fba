//! The hub as everybody sees it: frames to broadcast go in, clients join, one client's frames are handed over. It has one
//! thread or several, each with some of the clients, and an inbox from which it takes all of it ([`crate::fan_out`]).

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::Waker;
use tokio::sync::oneshot;

use crate::disconnect::Disconnect;
use crate::log::Position;
use crate::shard::{Bell, ClientCounts, Command, Joining, Reached, Shard};
use crate::watch::Doorbell;

/// Threads that a hub can have.
pub(crate) const MAX_THREADS: usize = 1 << THREAD_BITS;
const THREAD_BITS: u32 = 6;
const KEY_BITS: u32 = 32 - THREAD_BITS;

/// By which the hub knows a session. Never reused while the process lives. From the highest bit: 32 of a generation, the
/// hub's thread, and the session's key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) u64);

/// A handle to the hub. Cheap to clone, usable from every thread, never blocks for longer than a copy takes.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shards: Vec<Arc<Shard>>,
    /// Held while something is appended to every shard: the order is the same in each, and so is the meaning of a position.
    appending: Mutex<()>,
    /// Clients that joined so far; they are dealt out in turn.
    joined: AtomicUsize,
    bell: Arc<Bell>,
}

impl SessionId {
    pub(crate) fn new(generation: u32, shard: usize, key: usize) -> SessionId {
        debug_assert!(key < 1 << KEY_BITS);
        SessionId(u64::from(generation) << 32 | (shard as u64) << KEY_BITS | key as u64)
    }

    /// The key of the session in its thread.
    pub(crate) fn key(self) -> usize {
        self.0 as usize & ((1 << KEY_BITS) - 1)
    }

    fn shard(self) -> usize {
        (self.0 as u32 >> KEY_BITS) as usize
    }
}

impl Hub {
    /// A hub with a thread for each waker.
    pub(crate) fn new(wakers: impl IntoIterator<Item = Waker>) -> io::Result<Hub> {
        let bell = Arc::new(Bell::new()?);
        let shard = |(index, waker)| Arc::new(Shard::new(index, waker, bell.clone()));
        let shards = wakers.into_iter().enumerate().map(shard).collect();
        let (appending, joined) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Hub { shared: Arc::new(Shared { shards, appending, joined, bell }) })
    }

    /// Sends a frame ([`crate::message::encode_broadcast`]) to every client.
    pub fn broadcast(&self, frame: &[u8]) {
        self.append(frame, &[frame.len()]);
    }

    /// Sends a frame ([`crate::message::encode_text`]) to one client, after everything that was broadcast before. Nothing
    /// happens if the session has ended. Returns false if more waits already than the hub can take: the client is
    /// disconnected as slow then.
    pub fn send(&self, session: SessionId, frame: impl Into<Box<[u8]>>) -> bool {
        self.shard(session).send(session, frame.into())
    }

    /// Reads again from a client that was not read from since [`Reception::TakenAndFull`](crate::Reception::TakenAndFull).
    pub fn resume(&self, session: SessionId) {
        self.shard(session).command(Command::Resume(session));
    }

    /// Ends a session with a close frame, after everything that was sent to it before.
    pub fn close(&self, session: SessionId, disconnect: Disconnect) {
        self.shard(session).command(Command::Close(session, disconnect));
    }

    /// Returns once every thread of the hub has had its turn.
    pub async fn answers(&self) -> bool {
        let ask = |shard: &Arc<Shard>| {
            let (answer, answered) = oneshot::channel();
            shard.command(Command::Answer(answer));
            answered
        };
        for answered in self.shared.shards.iter().map(ask).collect::<Vec<_>>() {
            if answered.await.is_err() {
                return false;
            }
        }
        true
    }

    /// Appends frames that end at the given offsets. Returns the position behind them.
    pub(crate) fn append(&self, frames: &[u8], ends: &[usize]) -> Position {
        let _order = self.shared.appending.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.shards.iter().fold(0, |_, shard| shard.append(frames, ends))
    }

    pub(crate) fn join(&self, joining: Joining) {
        let turn = self.shared.joined.fetch_add(1, Ordering::Relaxed);
        self.shared.shards[turn % self.shared.shards.len()].command(Command::Join(Box::new(joining)));
    }

    /// Closes all sessions and ends the hub's threads, after `grace` at the latest.
    pub(crate) fn shutdown(&self, grace: Duration) {
        self.shared.shards.iter().for_each(|shard| shard.command(Command::Shutdown { grace }));
    }

    /// What each thread of the hub takes from and reports to.
    pub(crate) fn shards(&self) -> &[Arc<Shard>] {
        &self.shared.shards
    }

    /// How far all threads have come.
    pub(crate) fn reached(&self) -> Reached {
        let all = self.shared.shards.iter().map(|shard| shard.reached());
        all.reduce(Reached::least).unwrap_or_default()
    }

    /// Who is connected, and how many are far behind.
    pub(crate) fn client_counts(&self) -> ClientCounts {
        self.shared.shards.iter().map(|shard| shard.client_counts()).fold(ClientCounts::default(), ClientCounts::and)
    }

    /// Asks for the doorbell to ring when more is reached than the given. Returns false if that is so already.
    pub(crate) fn await_more(&self, than: Reached) -> bool {
        self.shared.bell.set_awaited(true);
        let same = self.reached() == than;
        if !same {
            self.shared.bell.set_awaited(false);
        }
        same
    }

    /// Rings when a thread has come further, at most once in a turn of it.
    pub(crate) fn doorbell(&self) -> &Doorbell {
        self.shared.bell.doorbell()
    }

    fn shard(&self, session: SessionId) -> &Shard {
        // The modulo is for the ids of another hub, of whose sessions none is here.
        &self.shared.shards[session.shard() % self.shared.shards.len()]
    }
}
