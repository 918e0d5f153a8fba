//! Where a source hands over what it has read.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use queue::Reader;
use tracing::debug;

use crate::broker::Lines;
use crate::history::HistoryError;
use crate::history::log::{CannotGiveUp, LogTime};
use crate::hub::{Appended, Batch, Feed, Hub, Progress, Room};
use crate::metrics::{Metrics, QueueResult};
use crate::publication::Seq;
use crate::source::HistoryOptions;
use crate::source::history::SourceHistory;
use crate::source::selection::Selection;
use crate::source::taken::Taken;

/// How long a source waits for room at the broker if it is not notified earlier.
const BROKER_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of entries that one batch for the broker has.
const BROKER_BATCH_BYTES: u64 = 256 * 1024;
/// Events that may be on their way to the broker.
const BROKER_MAX_UNDELIVERED: usize = 100_000;

/// Where events go.
#[derive(Debug)]
pub(crate) enum Destination {
    /// To the clients of this machine.
    Hub(Box<Feed>),
    /// To the broker, for the clients of all machines. The hub of this machine gets them from the broker's stream.
    Broker(Lines, Hub),
}

impl Destination {
    /// Opens the history log, after which numbers go on. With a broker there is none.
    pub(super) fn begin(
        &self,
        reader: &Reader,
        options: &HistoryOptions,
    ) -> Result<(SourceHistory, Selection), HistoryError> {
        match self {
            Destination::Hub(feed) => SourceHistory::begin(reader, options, feed.hub()),
            Destination::Broker(_, hub) => Ok((SourceHistory::elsewhere(reader, hub)?, Selection::without_keys())),
        }
    }

    /// How far what was handed over is.
    pub(super) fn progress(&self) -> Progress {
        match self {
            Destination::Hub(feed) => feed.progress(),
            Destination::Broker(lines, _) => lines.progress(),
        }
    }

    /// Whether more may be handed over.
    pub(super) fn room(&mut self, progress: Progress) -> Room {
        match self {
            Destination::Hub(feed) => feed.room(progress),
            Destination::Broker(lines, _) if lines.has_room() => Room::Now,
            Destination::Broker(..) => Room::Later(BROKER_INTERVAL),
        }
    }

    /// Bytes that one batch may have.
    pub(super) fn max_batch_bytes(&self) -> u64 {
        match self {
            Destination::Hub(feed) => feed.max_batch_bytes(),
            Destination::Broker(..) => BROKER_BATCH_BYTES,
        }
    }

    /// Publications that may be handed over and not delivered.
    pub(super) fn max_undelivered(&self) -> usize {
        match self {
            Destination::Hub(feed) => feed.max_undelivered(),
            Destination::Broker(..) => BROKER_MAX_UNDELIVERED,
        }
    }

    /// Notes whether a backlog is read.
    pub(super) fn set_catching_up(&mut self, is_catching_up: bool) {
        if let Destination::Hub(feed) = self {
            feed.set_catching_up(is_catching_up);
        }
    }

    /// Notes that nothing waited in the queue.
    pub(super) fn note_empty(&self) {
        if let Destination::Broker(lines, _) = self {
            lines.note_caught_up();
        }
    }

    /// Where to count what becomes of events.
    pub(super) fn metrics(&self) -> &Metrics {
        match self {
            Destination::Hub(feed) => feed.hub().metrics(),
            Destination::Broker(_, hub) => hub.metrics(),
        }
    }

    /// Whether what is taken is to be encoded for clients.
    pub(super) fn needs_frames(&self) -> bool {
        matches!(self, Destination::Hub(_))
    }

    /// Hands over what was taken. For clients it is also in `batch`, which is empty then.
    ///
    /// # Errors
    /// When the history log can neither be written nor deleted. Everything is as it was.
    pub(super) fn publish(&mut self, batch: &mut Batch, taken: &Taken) -> Result<Appended, CannotGiveUp> {
        match self {
            Destination::Hub(feed) => {
                let events = batch.len();
                let appended = feed.publish_logged(batch, |first| taken.logged(first))?;
                feed.hub().metrics().queue_events(QueueResult::Sent, events);
                Ok(appended)
            }
            Destination::Broker(lines, hub) => {
                // Before they can be forwarded. They are counted as sent then.
                hub.metrics().broker.hand_over(taken.events().count());
                let first = lines.send(taken.events());
                Ok(Appended { first, number: first, at: LogTime::default(), is_logged: true })
            }
        }
    }

    /// Lets the log follow the events that were handed over, if it is to have such lines.
    pub(super) fn trace(&mut self, taken: &Taken, appended: &Appended) {
        let Destination::Hub(feed) = self else { return };
        if !Feed::is_traced() {
            return;
        }
        for (after, event) in taken.events().enumerate() {
            debug!(uid = %event.uid(), number = appended.number.plus(after).0, "event published");
            feed.trace(appended.first.plus(after), event.uid());
        }
    }

    /// Publishes again what the process before had numbered, for clients without ids. Returns the first place.
    pub(super) fn publish_again(&mut self, batch: &mut Batch) -> Seq {
        match self {
            Destination::Hub(feed) => {
                feed.hub().metrics().queue_events(QueueResult::Sent, batch.len());
                feed.publish_again(batch)
            }
            // With a broker, no process before has numbered events of the queue.
            Destination::Broker(lines, _) => lines.send([]),
        }
    }

    /// Asks to be notified of progress since the given. Returns false if there was some.
    pub(super) fn await_progress(&self, since: Progress) -> bool {
        match self {
            Destination::Hub(feed) => feed.await_progress(since),
            Destination::Broker(lines, _) => lines.progress() == since,
        }
    }

    /// Clears a notification that was seen.
    pub(super) fn clear_notification(&self) {
        match self {
            Destination::Hub(feed) => feed.clear_notification(),
            Destination::Broker(lines, _) => lines.clear_notification(),
        }
    }
}

impl AsFd for Destination {
    /// Can be read when there is progress.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Destination::Hub(feed) => feed.as_fd(),
            Destination::Broker(lines, _) => lines.as_fd(),
        }
    }
}
