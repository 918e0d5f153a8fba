//! What a thread of the hub shares with the others: an inbox from which it takes, and how far it has come.

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
use crate::hub::SessionId;
use crate::listener::Permit;
use crate::log::Position;
use crate::watch::Doorbell;

/// Bytes that may wait in an inbox for single clients. The hub takes them within microseconds; a sender that is faster than
/// that is in a loop without end.
const MAX_SENT_BYTES: usize = 256 * 1024 * 1024;

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
    counts: Mutex<ClientCounts>,
    /// It came further since the bell was last rung.
    moved: AtomicBool,
    bell: Arc<Bell>,
}

/// Wakes the consumer.
#[derive(Debug)]
pub(crate) struct Bell {
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
}

/// The sessions that are not about to end, and those of them that are far behind ([`crate::config::Limits::window`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClientCounts {
    pub(crate) sessions: usize,
    pub(crate) far_behind: usize,
    /// Of those: they took something a moment ago.
    pub(crate) moving: usize,
    /// They take so much that they are worth waiting for.
    pub(crate) reading: usize,
    /// They may be worth waiting for, and will soon be too far behind for the log.
    pub(crate) near_log_tail: usize,
    /// Of those, they take much, or were not watched for long enough.
    pub(crate) fast_near_log_tail: usize,
}

impl ClientCounts {
    pub(crate) fn and(self, other: ClientCounts) -> ClientCounts {
        ClientCounts {
            sessions: self.sessions + other.sessions,
            far_behind: self.far_behind + other.far_behind,
            moving: self.moving + other.moving,
            reading: self.reading + other.reading,
            near_log_tail: self.near_log_tail + other.near_log_tail,
            fast_near_log_tail: self.fast_near_log_tail + other.fast_near_log_tail,
        }
    }
}

impl Reached {
    pub(crate) fn least(self, other: Reached) -> Reached {
        Reached { offered: self.offered.min(other.offered), written: self.written.min(other.written) }
    }
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell { awaited: AtomicBool::new(false), doorbell: Doorbell::new()? })
    }

    pub(crate) fn set_awaited(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::SeqCst);
    }

    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    fn ring(&self) {
        if self.awaited.swap(false, Ordering::SeqCst) {
            self.doorbell.ring();
        }
    }
}

impl Shard {
    pub(crate) fn new(index: usize, waker: Waker, bell: Arc<Bell>) -> Shard {
        Shard {
            index,
            inbox: Mutex::default(),
            waker,
            asleep: AtomicBool::new(true),
            offered: AtomicU64::new(0),
            written: AtomicU64::new(0),
            counts: Mutex::default(),
            moved: AtomicBool::new(false),
            bell,
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// How far the thread has come.
    pub(crate) fn reached(&self) -> Reached {
        Reached { offered: self.offered.load(Ordering::SeqCst), written: self.written.load(Ordering::SeqCst) }
    }

    /// Who is connected to it, and how many of them are far behind.
    pub(crate) fn client_counts(&self) -> ClientCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

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

    /// Notes how far the thread has come.
    pub(crate) fn publish(&self, reached: Reached, counts: ClientCounts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        let note = |what: &AtomicU64, position| {
            if what.swap(position, Ordering::SeqCst) != position {
                self.moved.store(true, Ordering::SeqCst);
            }
        };
        note(&self.offered, reached.offered);
        note(&self.written, reached.written);
    }

    pub(crate) fn append(&self, frames: &[u8], ends: &[usize]) -> Position {
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

    pub(crate) fn send(&self, session: SessionId, frame: Box<[u8]>) -> bool {
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

    pub(crate) fn command(&self, command: Command) {
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
        if self.moved.swap(false, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Every critical section leaves the inbox whole, so a panic elsewhere does not spoil it.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
