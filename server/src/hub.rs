//! The hub as everybody sees it: frames to broadcast go in, clients join, one client's frames are handed over. It has one
//! thread or several, each with some of the clients, and an inbox from which it takes all of it ([`crate::fan_out`]).

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::Waker;
use mio::net::TcpStream;
use tokio::sync::oneshot;

use crate::application::Headers;
use crate::disconnect::Disconnect;
use crate::listener::Permit;
use crate::log::Position;
use crate::watch::Doorbell;

/// Bytes that may wait in an inbox for single clients. The hub takes them within microseconds; whoever sends faster than
/// that is in a loop without end.
const MAX_SENT_BYTES: usize = 256 * 1024 * 1024;

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

/// A client whose handshake was accepted.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) headers: Headers,
    pub(crate) connection: Connection,
}

/// The connection of a client whose handshake was accepted.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// The handshake response. The hub writes it, so that a client that has it misses no event after it.
    pub(crate) response: Vec<u8>,
    /// What the client sent after its request.
    pub(crate) received: Vec<u8>,
    /// Freed when the session ends.
    pub(crate) permit: Permit,
}

#[derive(Debug)]
pub(crate) enum Command {
    Join(Box<Joining>),
    Send(SessionId, Box<[u8]>),
    Close(SessionId, Disconnect),
    Resume(SessionId),
    Answer(oneshot::Sender<()>),
    Shutdown { grace: Duration },
}

/// What waits for a thread of the hub.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// The position behind all frames that were ever put in.
    head: Position,
    pub(crate) frames: Vec<u8>,
    pub(crate) ends: Vec<Position>,
    /// Each with the position it came at: what was broadcast before goes out before.
    pub(crate) commands: Vec<(Position, Command)>,
    /// Bytes of the frames in `commands`.
    pub(crate) sent_bytes: usize,
}

/// What one thread of the hub shares with everybody.
#[derive(Debug)]
pub(crate) struct Shard {
    index: usize,
    inbox: Mutex<Inbox>,
    waker: Waker,
    /// The thread is about to sleep, or sleeps: who puts something in must wake it.
    asleep: AtomicBool,
    offered: AtomicU64,
    written: AtomicU64,
    paced: AtomicU64,
    /// It came further since the bell was last thought of.
    moved: AtomicBool,
    bell: Arc<Bell>,
}

/// Wakes whoever feeds the hub.
#[derive(Debug)]
struct Bell {
    awaited: AtomicBool,
    doorbell: Doorbell,
}

/// Positions of the log that are reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Every session had its turn to write everything before.
    pub(crate) offered: Position,
    /// Every session has written everything before, or has ended.
    pub(crate) written: Position,
    /// The same, without sessions that take nothing at all: nobody waits for those.
    pub(crate) paced: Position,
}

impl SessionId {
    pub(crate) fn new(generation: u32, shard: &Shard, key: usize) -> SessionId {
        debug_assert!(key < 1 << KEY_BITS);
        SessionId(u64::from(generation) << 32 | (shard.index as u64) << KEY_BITS | key as u64)
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
        let bell = Arc::new(Bell { awaited: AtomicBool::new(false), doorbell: Doorbell::new()? });
        let shard = |(index, waker)| {
            Arc::new(Shard {
                index,
                inbox: Mutex::default(),
                waker,
                asleep: AtomicBool::new(true),
                offered: AtomicU64::new(0),
                written: AtomicU64::new(0),
                paced: AtomicU64::new(0),
                moved: AtomicBool::new(false),
                bell: bell.clone(),
            })
        };
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

    /// Returns once every thread of the hub has had its turn: a sign of life.
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
        let least = |position: fn(&Shard) -> &AtomicU64| {
            let positions = self.shared.shards.iter().map(|shard| position(shard).load(Ordering::SeqCst));
            positions.min().unwrap_or_default()
        };
        Reached {
            offered: least(|shard| &shard.offered),
            written: least(|shard| &shard.written),
            paced: least(|shard| &shard.paced),
        }
    }

    /// Asks for the doorbell to ring when more is reached than the given. Returns false if that is so already.
    pub(crate) fn await_more(&self, than: Reached) -> bool {
        let awaited = &self.shared.bell.awaited;
        awaited.store(true, Ordering::SeqCst);
        let same = self.reached() == than;
        if !same {
            awaited.store(false, Ordering::SeqCst);
        }
        same
    }

    /// Rings when a thread has come further, at most once in a turn of it.
    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.shared.bell.doorbell
    }

    fn shard(&self, session: SessionId) -> &Shard {
        // The modulo is for the ids of another hub, of whose sessions none is here.
        &self.shared.shards[session.shard() % self.shared.shards.len()]
    }
}

impl Shard {
    /// Swaps the inbox with an empty one whose memory is used again.
    pub(crate) fn take(&self, empty: &mut Inbox) {
        debug_assert!(empty.frames.is_empty() && empty.ends.is_empty() && empty.commands.is_empty());
        let mut inbox = self.lock();
        empty.head = inbox.head;
        std::mem::swap(&mut *inbox, empty);
        drop(inbox);
        if !empty.frames.is_empty() || !empty.commands.is_empty() {
            // The hub will not sleep soon.
            self.tell();
        }
    }

    /// Announces that the hub's thread is going to sleep. Returns false if something has come in meanwhile.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let inbox = self.lock();
        let empty = inbox.frames.is_empty() && inbox.commands.is_empty();
        drop(inbox);
        if empty {
            self.tell();
        } else {
            self.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Tells how far the thread has come.
    pub(crate) fn publish(&self, reached: Reached) {
        let note = |what: &AtomicU64, position| {
            if what.swap(position, Ordering::SeqCst) != position {
                self.moved.store(true, Ordering::SeqCst);
            }
        };
        note(&self.offered, reached.offered);
        note(&self.written, reached.written);
        note(&self.paced, reached.paced);
    }

    fn append(&self, frames: &[u8], ends: &[usize]) -> Position {
        let mut inbox = self.lock();
        let base = inbox.head;
        inbox.frames.extend_from_slice(frames);
        inbox.ends.extend(ends.iter().map(|end| base + *end as u64));
        inbox.head += frames.len() as u64;
        let head = inbox.head;
        drop(inbox);
        self.wake();
        head
    }

    fn send(&self, session: SessionId, frame: Box<[u8]>) -> bool {
        let mut inbox = self.lock();
        let position = inbox.head;
        let fits = inbox.sent_bytes + frame.len() <= MAX_SENT_BYTES;
        if fits {
            inbox.sent_bytes += frame.len();
            inbox.commands.push((position, Command::Send(session, frame)));
        } else {
            inbox.commands.push((position, Command::Close(session, Disconnect::Slow)));
        }
        drop(inbox);
        self.wake();
        fits
    }

    fn command(&self, command: Command) {
        let mut inbox = self.lock();
        let position = inbox.head;
        inbox.commands.push((position, command));
        drop(inbox);
        self.wake();
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // It fails only if the descriptor is not an eventfd any more.
            self.waker.wake().expect("an eventfd takes a wake-up");
        }
    }

    fn tell(&self) {
        if self.moved.swap(false, Ordering::SeqCst) && self.bell.awaited.swap(false, Ordering::SeqCst) {
            self.bell.doorbell.ring();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Every critical section leaves the inbox whole, so a panic elsewhere does not spoil it.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
