//! What a source needs of the hub: when to read more, a way in, and how far the clients are.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use queue::Uid;

use crate::history::log::{CannotGiveUp, Logged};
use crate::hub::batch::Batch;
use crate::hub::pacing::Pacing;
use crate::hub::progress::Progress;
use crate::hub::publishing::Appended;
use crate::hub::traced::Traced;
use crate::hub::{Delivery, Hub, Limits, Numbered};
use crate::notifier::wait;
use crate::publication::Seq;

pub use crate::hub::pacing::Room;

/// Bytes that no frame of an event is shorter than. So the log of the hub ends before the publications that may be
/// undelivered do, and with it the wait for clients that do not read.
const MIN_FRAME_BYTES: usize = 39;

/// A source's way into the hub. It knows how far the clients are, and holds a source back that is too far ahead of
/// them.
#[derive(Debug)]
pub struct Feed {
    hub: Hub,
    pacing: Pacing,
    window: u64,
    max_undelivered: usize,
    /// Bytes of frames that this feed has published.
    published_bytes: u64,
    /// Bytes of those that every client was offered.
    offered_bytes: u64,
    /// Batches that not every client was offered yet: the last publication of each, and `published_bytes` with it.
    unoffered: VecDeque<(Seq, u64)>,
    traced: Traced,
}

impl Feed {
    /// A way into a hub with these limits.
    pub fn new(hub: Hub, limits: &Limits) -> Feed {
        Feed {
            hub,
            pacing: Pacing::new(limits.window(), Instant::now()),
            window: limits.window(),
            max_undelivered: limits.log_bytes / MIN_FRAME_BYTES,
            published_bytes: 0,
            offered_bytes: 0,
            unoffered: VecDeque::new(),
            traced: Traced::default(),
        }
    }

    /// How far the clients are.
    pub fn progress(&self) -> Progress {
        self.hub.progress()
    }

    /// Notes whether a backlog is read, as after a start: then clients that read are waited for from its first event
    /// on.
    pub fn set_catching_up(&mut self, is_catching_up: bool) {
        self.pacing.set_catching_up(is_catching_up);
    }

    /// Whether the next batch may be published, given how far the clients are.
    pub fn room(&mut self, progress: Progress) -> Room {
        while let Some((_, bytes)) = self.unoffered.front().copied().filter(|(last, _)| *last <= progress.offered) {
            self.unoffered.pop_front();
            self.offered_bytes = bytes;
        }
        self.traced.offered(progress.offered);
        self.pacing.room(self.published_bytes, self.offered_bytes, self.hub.client_counts(), Instant::now())
    }

    /// Bytes of frames that one batch may have at most, so that no client falls out of the log by one batch alone.
    pub fn max_batch_bytes(&self) -> u64 {
        self.window
    }

    /// Publications that may be undelivered: more than the log can hold.
    pub fn max_undelivered(&self) -> usize {
        self.max_undelivered
    }

    /// Publishes a batch that did not come through a queue. It is empty then. Returns where its first publication is in
    /// the order of this process, or where the next will be if there is none.
    pub fn publish(&mut self, batch: &mut Batch) -> Seq {
        // Without a queue there is no history log, so this cannot fail.
        self.publish_logged(batch, |_| []).map_or_else(|_| Seq::default(), |appended| appended.first)
    }

    /// The same for a batch that came through a queue. `logged` gets the number of the first publication, and returns
    /// what is written to the history log.
    ///
    /// # Errors
    /// When the history log can neither be written nor deleted. The batch is as it was.
    pub(crate) fn publish_logged<'a, L: IntoIterator<Item = Logged<'a>>>(
        &mut self,
        batch: &mut Batch,
        logged: impl FnOnce(Seq) -> L,
    ) -> Result<Appended, CannotGiveUp> {
        let appended = self.hub.append(batch, logged)?;
        self.published(appended.first, batch);
        Ok(appended)
    }

    /// Publishes again what the process before had numbered, for those clients that get no ids.
    pub(crate) fn publish_again(&mut self, batch: &mut Batch) -> Seq {
        let first = self.hub.append_again(batch);
        self.published(first, batch);
        first
    }

    /// Publishes what came from the stream of several machines. `entries`: one for each publication. The batch is empty
    /// then. Returns where the first is.
    pub(crate) fn publish_followed(&mut self, batch: &mut Batch, entries: &[Numbered], delivery: Delivery) -> Seq {
        let first = self.hub.append_followed(batch, entries, delivery);
        match delivery {
            Delivery::Live | Delivery::Late => self.published(first, batch),
            Delivery::Past => {
                batch.clear();
                self.hub.wake();
            }
        }
        first
    }

    fn published(&mut self, first: Seq, batch: &mut Batch) {
        if let Some(others) = batch.len().checked_sub(1) {
            self.hub.offer(batch.len());
            self.published_bytes += batch.bytes();
            self.unoffered.push_back((first.plus(others), self.published_bytes));
            batch.clear();
        }
    }

    /// Whether the log is to have a line for each step of an event.
    pub(crate) fn is_traced() -> bool {
        Traced::is_wanted()
    }

    /// Logs which of them were offered.
    pub(crate) fn trace_offered(&mut self) {
        self.traced.offered(self.hub.progress().offered);
    }

    /// Lets the log tell when an event that was published at a place is offered to its clients.
    pub(crate) fn trace(&mut self, place: Seq, uid: Uid) {
        self.traced.push(place, uid);
    }

    /// The hub.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Asks to be notified when the clients are further than given. Returns false if they are already.
    pub fn await_progress(&self, since: Progress) -> bool {
        self.hub.await_progress(since)
    }

    /// Takes a notification back that was seen.
    pub fn clear_notification(&self) {
        self.hub.notifier().clear();
    }

    /// Waits until the next batch may be published. Returns whether it had to wait, so that more may have come for it.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn wait_for_room(&mut self) -> io::Result<bool> {
        let mut has_waited = false;
        loop {
            let progress = self.progress();
            let Room::Later(time) = self.room(progress) else { return Ok(has_waited) };
            has_waited = true;
            if self.await_progress(progress) {
                wait(&[self.as_fd()], time)?;
                self.clear_notification();
            }
        }
    }
}

impl AsFd for Feed {
    /// Can be read when the clients are further, after [`Feed::await_progress`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.hub.notifier().as_fd()
    }
}
