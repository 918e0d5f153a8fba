//! Events on their way from the source of a queue to the thread that forwards them, and how far that is.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue::Event;

use super::redis_stream::{Line, RedisStream};
use crate::hub::Progress;
use crate::notifier::Notifier;
use crate::publication::Seq;

/// Bytes of events that may be on their way. More wait in the queue.
const MAX_BYTES: usize = 4 << 20;
/// Events that are added to the stream at once, and their bytes: enough for the time to the server and back not to
/// matter.
const MAX_AT_ONCE: usize = 1024;
const MAX_BYTES_AT_ONCE: usize = 256 * 1024;
/// What an event takes beside its line, about.
const OVERHEAD_BYTES: usize = size_of::<Line>();

/// The end at which events go in. The numbers of events are places in the order in which they go in.
#[derive(Debug)]
pub(crate) struct Lines {
    shared: Arc<Shared>,
    stream: RedisStream,
    last: Seq,
}

/// The end at which events come out.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// The last that is in the stream.
    confirmed: AtomicU64,
    /// Notified when that changes.
    notifier: Notifier,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    /// Bytes of them, and of those that are being added.
    bytes: usize,
    /// What the process before has left in the queue was read.
    is_caught_up: bool,
    is_over: bool,
}

/// Both ends.
pub(super) fn channel(stream: RedisStream) -> io::Result<(Lines, Outgoing)> {
    let shared = Arc::new(Shared {
        waiting: Mutex::default(),
        changed: Condvar::new(),
        confirmed: AtomicU64::new(0),
        notifier: Notifier::new()?,
    });
    let outgoing = Outgoing { shared: shared.clone() };
    Ok((Lines { shared, stream, last: Seq::default() }, outgoing))
}

impl Lines {
    /// Sends events. Returns the number of the first.
    pub(crate) fn send<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) -> Seq {
        let first = self.last.plus(1);
        let lines: Vec<Line> = events.into_iter().map(|event| self.line(event)).collect();
        self.last = self.last.plus(lines.len());
        let mut waiting = self.shared.lock();
        waiting.bytes += lines.iter().map(bytes_of).sum::<usize>();
        waiting.lines.extend(lines);
        drop(waiting);
        self.shared.changed.notify_one();
        first
    }

    fn line(&self, event: &Event) -> Line {
        let mut json = Vec::with_capacity(event.name_json().len() + event.payload_json().len() + 200);
        event.write_line(&mut json);
        let channel = event.channels().and_then(<[_]>::first);
        let key = event.key().map(|key| self.stream.key_of(channel, key));
        Line { uid: event.uid(), json, key }
    }

    /// Whether more may be sent now.
    pub(crate) fn has_room(&self) -> bool {
        self.shared.lock().bytes < MAX_BYTES
    }

    /// Notes that the queue was empty: nothing is left in it that the process before may have sent.
    pub(crate) fn note_caught_up(&self) {
        self.shared.lock().is_caught_up = true;
    }

    /// How far they are.
    pub(crate) fn progress(&self) -> Progress {
        let confirmed = Seq(self.shared.confirmed.load(Ordering::SeqCst));
        Progress { offered: confirmed, delivered: confirmed }
    }

    /// Takes a notification back that was seen.
    pub(crate) fn clear_notification(&self) {
        self.shared.notifier.clear();
    }
}

impl AsFd for Lines {
    /// Can be read when more is in the stream.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.notifier.as_fd()
    }
}

impl Outgoing {
    /// Waits for events, and takes as many as are added at once: none if nothing comes in the time. `None`: it is over.
    pub(super) fn take(&self, time: Duration) -> Option<Vec<Line>> {
        let waiting = self.shared.lock();
        let has_nothing = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.is_over;
        let waited = self.shared.changed.wait_timeout_while(waiting, time, has_nothing);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        if waiting.is_over && waiting.lines.is_empty() {
            return None;
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < MAX_AT_ONCE
            && bytes < MAX_BYTES_AT_ONCE
            && let Some(line) = waiting.lines.pop_front()
        {
            bytes += bytes_of(&line);
            taken.push(line);
        }
        Some(taken)
    }

    /// Notes that events are in the stream, the next ones in their order.
    pub(super) fn confirm(&self, lines: &[Line]) {
        self.shared.lock().bytes -= lines.iter().map(bytes_of).sum::<usize>();
        self.shared.confirmed.fetch_add(lines.len() as u64, Ordering::SeqCst);
        self.shared.notifier.notify();
    }

    /// Whether nothing is left in the queue that the process before may have sent.
    pub(super) fn is_caught_up(&self) -> bool {
        let waiting = self.shared.lock();
        waiting.is_caught_up && waiting.lines.is_empty()
    }

    /// Waits for some time, or until it is over. Returns whether it is.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let waiting = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(waiting, time, |waiting| !waiting.is_over);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    /// Takes no more. What is not in the stream stays in the queue.
    pub(super) fn end(&self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes_of(line: &Line) -> usize {
    line.json.len() + OVERHEAD_BYTES
}
