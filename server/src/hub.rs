//! The hub as everybody sees it: frames to broadcast go in, clients join, one client's frames are handed over. The
//! hub's own thread takes all of it from the inbox ([`crate::fan_out`]).

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// Bytes that may wait in the inbox for single clients. The hub takes them within microseconds; whoever sends faster than
/// that is in a loop without end.
const MAX_SENT_BYTES: usize = 256 * 1024 * 1024;

/// By which the hub knows a session. Never reused while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) u64);

/// A handle to the hub. Cheap to clone, usable from every thread, never blocks for longer than a copy takes.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
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

/// What waits for the hub's thread.
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

#[derive(Debug)]
pub(crate) struct Shared {
    inbox: Mutex<Inbox>,
    waker: Waker,
    /// The hub's thread is about to sleep, or sleeps: who puts something in must wake it.
    asleep: AtomicBool,
    progress: Progress,
}

/// How far the hub has come, for whoever feeds it.
#[derive(Debug)]
pub(crate) struct Progress {
    offered: AtomicU64,
    written: AtomicU64,
    paced: AtomicU64,
    /// It came further since the doorbell was last thought of.
    moved: AtomicBool,
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

impl Hub {
    pub(crate) fn new(waker: Waker) -> io::Result<Hub> {
        let progress = Progress {
            offered: AtomicU64::new(0),
            written: AtomicU64::new(0),
            paced: AtomicU64::new(0),
            moved: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            doorbell: Doorbell::new()?,
        };
        let shared = Shared { inbox: Mutex::default(), waker, asleep: AtomicBool::new(true), progress };
        Ok(Hub { shared: Arc::new(shared) })
    }

    /// Sends a frame ([`crate::message::encode_broadcast`]) to every client.
    pub fn broadcast(&self, frame: &[u8]) {
        self.append(frame, &[frame.len()]);
    }

    /// Sends a frame ([`crate::message::encode_text`]) to one client, after everything that was broadcast before. Nothing
    /// happens if the session has ended. Returns false if more waits already than the hub can take: the client is
    /// disconnected as slow then.
    pub fn send(&self, session: SessionId, frame: impl Into<Box<[u8]>>) -> bool {
        let frame = frame.into();
        let mut inbox = self.shared.lock();
        let position = inbox.head;
        let fits = inbox.sent_bytes + frame.len() <= MAX_SENT_BYTES;
        if fits {
            inbox.sent_bytes += frame.len();
            inbox.commands.push((position, Command::Send(session, frame)));
        } else {
            inbox.commands.push((position, Command::Close(session, Disconnect::Slow)));
        }
        drop(inbox);
        self.shared.wake();
        fits
    }

    /// Reads again from a client that was not read from since [`Reception::TakenAndFull`](crate::Reception::TakenAndFull).
    pub fn resume(&self, session: SessionId) {
        self.command(Command::Resume(session));
    }

    /// Ends a session with a close frame, after everything that was sent to it before.
    pub fn close(&self, session: SessionId, disconnect: Disconnect) {
        self.command(Command::Close(session, disconnect));
    }

    /// Returns once the hub's thread has had its turn: a sign of life.
    pub async fn answers(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.command(Command::Answer(answer));
        answered.await.is_ok()
    }

    /// Appends frames that end at the given offsets. Returns the position behind them.
    pub(crate) fn append(&self, frames: &[u8], ends: &[usize]) -> Position {
        let mut inbox = self.shared.lock();
        let base = inbox.head;
        inbox.frames.extend_from_slice(frames);
        inbox.ends.extend(ends.iter().map(|end| base + *end as u64));
        inbox.head += frames.len() as u64;
        let head = inbox.head;
        drop(inbox);
        self.shared.wake();
        head
    }

    pub(crate) fn join(&self, joining: Joining) {
        self.command(Command::Join(Box::new(joining)));
    }

    /// Closes all sessions and ends the hub's thread, after `grace` at the latest.
    pub(crate) fn shutdown(&self, grace: Duration) {
        self.command(Command::Shutdown { grace });
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.shared.progress
    }

    fn command(&self, command: Command) {
        let mut inbox = self.shared.lock();
        let position = inbox.head;
        inbox.commands.push((position, command));
        drop(inbox);
        self.shared.wake();
    }
}

impl Shared {
    /// Swaps the inbox with an empty one whose memory is used again.
    pub(crate) fn take(&self, empty: &mut Inbox) {
        debug_assert!(empty.frames.is_empty() && empty.ends.is_empty() && empty.commands.is_empty());
        let mut inbox = self.lock();
        empty.head = inbox.head;
        std::mem::swap(&mut *inbox, empty);
        drop(inbox);
        if !empty.frames.is_empty() || !empty.commands.is_empty() {
            // The hub will not sleep soon.
            self.progress.tell();
        }
    }

    /// Announces that the hub's thread is going to sleep. Returns false if something has come in meanwhile.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let inbox = self.lock();
        let empty = inbox.frames.is_empty() && inbox.commands.is_empty();
        drop(inbox);
        if empty {
            self.progress.tell();
        } else {
            self.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // It fails only if the descriptor is not an eventfd any more.
            self.waker.wake().expect("an eventfd takes a wake-up");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Every critical section leaves the inbox whole, so a panic elsewhere does not spoil it.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    pub(crate) fn reached(&self) -> Reached {
        Reached {
            offered: self.offered.load(Ordering::SeqCst),
            written: self.written.load(Ordering::SeqCst),
            paced: self.paced.load(Ordering::SeqCst),
        }
    }

    /// Asks for the doorbell to ring when more is reached than the given. Returns false if that is so already.
    pub(crate) fn await_more(&self, than: Reached) -> bool {
        self.awaited.store(true, Ordering::SeqCst);
        let same = self.reached() == than;
        if !same {
            self.awaited.store(false, Ordering::SeqCst);
        }
        same
    }

    /// Rings when more is reached, at most once in a turn of the hub.
    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    pub(crate) fn publish(&self, offered: Position, written: Position, paced: Position) {
        self.note(&self.offered, offered);
        self.note(&self.written, written);
        self.note(&self.paced, paced);
    }

    fn note(&self, what: &AtomicU64, position: Position) {
        if what.swap(position, Ordering::SeqCst) != position {
            self.moved.store(true, Ordering::SeqCst);
        }
    }

    fn tell(&self) {
        if self.moved.swap(false, Ordering::SeqCst) && self.awaited.swap(false, Ordering::SeqCst) {
            self.doorbell.ring();
        }
    }
}
