//! What a thread of the hub shares with the others: an inbox from which it takes, and how far it has come.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mio::Waker;
use tokio::sync::oneshot;

use crate::disconnect::Disconnect;
use crate::hub::actions::{Action, ChannelPage, Found};
use crate::hub::channel_frames::ChannelFrames;
use crate::hub::joining::Joining;
use crate::hub::progress::{ClientCounts, Progress, ProgressNotifier};
use crate::hub::reloading::Reloaded;
use crate::publication::Seq;
use crate::session_id::SessionId;

/// Bytes that may wait in an inbox for single clients. The hub takes them within microseconds; a sender that is faster
/// than that is in a loop without end.
const MAX_SENT_BYTES: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) enum Command {
    Join(Box<Joining>),
    Send(SessionId, Box<[u8]>),
    Close(SessionId, Disconnect),
    Resume(SessionId),
    /// Events may have been lost. Holds the id that is the new position of all clients.
    Gap(Arc<str>),
    Answer(oneshot::Sender<()>),
    /// An operator asks for it.
    Act(Box<(Action, oneshot::Sender<usize>)>),
    ListChannels(Arc<ChannelPage>, oneshot::Sender<Found>),
    /// Other limits and rights hold from now on.
    Reload(Arc<Reloaded>),
    Shutdown {
        grace: Duration,
    },
}

/// What waits for a thread of the hub.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// The last publication that was ever put in.
    last: Seq,
    pub(crate) frames: Vec<u8>,
    /// Where the frame of each publication ends in `frames`.
    pub(crate) ends: Vec<usize>,
    /// When each publication was queued, in microseconds since 1970. 0: not known, or not of interest.
    pub(super) queued_at: Vec<u64>,
    /// What is for subscribers of this thread, of the same publications.
    pub(super) channel_frames: ChannelFrames,
    /// Each with the last publication before it: what was broadcast before goes out before.
    pub(super) commands: Vec<(Seq, Command)>,
    /// Bytes of the frames in `commands`.
    sent_bytes: usize,
}

/// A place for frames of one client.
#[derive(Debug)]
pub(super) struct Reserved {
    index: usize,
}

/// What one thread of the hub shares with everybody.
#[derive(Debug)]
pub(crate) struct Inbox {
    index: usize,
    arrivals: Mutex<Arrivals>,
    waker: Waker,
    turn_elsewhere: TurnElsewhere,
    /// The thread sleeps or is about to, and nobody takes its turn: who puts something in must wake it.
    asleep: AtomicBool,
    offered: AtomicU64,
    delivered: AtomicU64,
    counts: Mutex<ClientCounts>,
    /// It came further since the feeding thread was last notified.
    moved: AtomicBool,
    feeding: Arc<ProgressNotifier>,
}

/// Does what waits in an inbox, unless its thread does so already. Returns whether the thread may go on sleeping.
#[derive(Default)]
struct TurnElsewhere(OnceLock<Box<dyn Fn() -> bool + Send + Sync>>);

/// Lets the thread find out that a turn elsewhere has panicked.
struct WakeIfPanicked<'a>(&'a Inbox);

impl Drop for WakeIfPanicked<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.interrupt_sleep();
        }
    }
}

impl fmt::Debug for TurnElsewhere {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TurnElsewhere").finish_non_exhaustive()
    }
}

impl Arrivals {
    /// The first publication of these.
    pub(super) fn first(&self) -> Seq {
        Seq(self.last.0 + 1 - self.ends.len() as u64)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.commands.is_empty()
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
        self.queued_at.clear();
        self.channel_frames.clear();
        self.commands.clear();
        self.sent_bytes = 0;
    }
}

impl Inbox {
    pub(super) fn new(index: usize, waker: Waker, feeding: Arc<ProgressNotifier>) -> Inbox {
        Inbox {
            index,
            arrivals: Mutex::default(),
            waker,
            turn_elsewhere: TurnElsewhere::default(),
            asleep: AtomicBool::new(true),
            offered: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            counts: Mutex::default(),
            moved: AtomicBool::new(false),
            feeding,
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// How far the thread has come.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            offered: Seq(self.offered.load(Ordering::SeqCst)),
            delivered: Seq(self.delivered.load(Ordering::SeqCst)),
        }
    }

    /// Who is connected to it, and how many of them are far behind.
    pub(super) fn client_counts(&self) -> ClientCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what has arrived.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Arrivals) -> T) -> T {
        at(&self.lock())
    }

    /// Takes what has arrived, in exchange for what was taken before, whose memory is used again.
    pub(crate) fn take(&self, taken: &mut Arrivals) {
        taken.clear();
        let mut arrivals = self.lock();
        taken.last = arrivals.last;
        std::mem::swap(&mut *arrivals, taken);
        drop(arrivals);
        if !taken.is_empty() {
            // The hub will not sleep soon.
            self.tell();
        }
    }

    /// Announces that the thread is going to sleep, or goes on. Returns false if something has come in meanwhile.
    pub(super) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let arrivals = self.lock();
        let empty = arrivals.is_empty();
        drop(arrivals);
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
    pub(super) fn publish(&self, progress: Progress, counts: ClientCounts) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        let note = |what: &AtomicU64, seq: Seq| {
            if what.swap(seq.0, Ordering::SeqCst) != seq.0 {
                self.moved.store(true, Ordering::SeqCst);
            }
        };
        note(&self.offered, progress.offered);
        note(&self.delivered, progress.delivered);
    }

    /// Appends the frames of publications, which end at the given offsets, and those for subscribers of this thread. The
    /// thread is not woken. `queued_at`: when they were queued, or nothing.
    pub(super) fn append(&self, frames: &[u8], ends: &[usize], queued_at: &[u64], channel_frames: &ChannelFrames) {
        let mut arrivals = self.lock();
        let base = arrivals.frames.len();
        arrivals.frames.extend_from_slice(frames);
        arrivals.ends.extend(ends.iter().map(|end| base + *end));
        arrivals.queued_at.extend_from_slice(queued_at);
        let publications = arrivals.ends.len();
        arrivals.queued_at.resize(publications, 0);
        arrivals.channel_frames.append(channel_frames, self.index);
        arrivals.last = arrivals.last.plus(ends.len());
    }

    pub(crate) fn send(&self, session: SessionId, frame: Box<[u8]>) -> bool {
        let mut arrivals = self.lock();
        let last = arrivals.last;
        let fits = arrivals.sent_bytes + frame.len() <= MAX_SENT_BYTES;
        if fits {
            arrivals.sent_bytes += frame.len();
            arrivals.commands.push((last, Command::Send(session, frame)));
        } else {
            arrivals.commands.push((last, Command::Close(session, Disconnect::Slow)));
        }
        drop(arrivals);
        self.wake();
        fits
    }

    /// Keeps a place for what a turn of the shard is about to make for a client, and must [fill](Self::fill) in before
    /// anything is taken again.
    pub(super) fn reserve(&self, session: SessionId) -> Reserved {
        let mut arrivals = self.lock();
        let (last, index) = (arrivals.last, arrivals.commands.len());
        arrivals.commands.push((last, Command::Send(session, Box::default())));
        drop(arrivals);
        self.wake();
        Reserved { index }
    }

    /// Puts frames into the place that was kept for them. The thread bounds how much that is.
    pub(super) fn fill(&self, Reserved { index }: Reserved, frames: Box<[u8]>) {
        if let Some((_, Command::Send(_, kept))) = self.lock().commands.get_mut(index) {
            *kept = frames;
        }
    }

    pub(super) fn command(&self, command: Command) {
        let mut arrivals = self.lock();
        let last = arrivals.last;
        arrivals.commands.push((last, command));
        drop(arrivals);
        self.wake();
    }

    /// Wakes the thread if it sleeps.
    pub(super) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.interrupt_sleep();
        }
    }

    /// Does what waits on the calling thread if the inbox's own one sleeps: to wake that one costs more than to write to a
    /// few clients. To be called without any lock.
    pub(super) fn deliver(&self) {
        if !self.asleep.swap(false, Ordering::SeqCst) {
            return;
        }
        let guard = WakeIfPanicked(self);
        let may_sleep_on = self.turn_elsewhere.0.get().is_some_and(|turn| turn());
        drop(guard);
        // What came in meanwhile did not wake the thread.
        if !may_sleep_on || !self.fall_asleep() {
            self.interrupt_sleep();
        }
    }

    fn interrupt_sleep(&self) {
        // It fails only if the descriptor is not an eventfd any more.
        self.waker.wake().expect("an eventfd takes a wake-up");
    }

    /// How what waits is done on other threads than the inbox's own. To be called once.
    pub(super) fn set_turn_elsewhere(&self, turn: impl Fn() -> bool + Send + Sync + 'static) {
        let _ = self.turn_elsewhere.0.set(Box::new(turn));
    }

    fn tell(&self) {
        if self.moved.swap(false, Ordering::SeqCst) {
            self.feeding.notify();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        // The inbox stays consistent in every critical section, so a poisoned mutex can be used.
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
