//! Entries of the stream on their way to the hub: gathered into batches, without what came before or is of no use.

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use tracing::warn;

use super::entry::{Content, StreamEntry};
use super::interruption::Interruption;
use super::uid_window::UidWindow;
use crate::backlog::Backlog;
use crate::hub::{Batch, Delivery, Feed, Hub, Numbered, Room};
use crate::log_limit::LogLimit;
use crate::notifier::wait;
use crate::protocol::id::StreamId;
use crate::publication::{Publication, has_expired};
use crate::stop::Stop;

/// Entries that are read at once, and about how many bytes. Redis bounds only their number, and after small ones large
/// ones can come: so many of the largest must fit into memory.
const MAX_AT_ONCE: usize = 128;
const MAX_BYTES_AT_ONCE: usize = 1 << 20;
/// Bytes of frames, and entries, that go to the hub at once: as many as of a queue directory. With 128 entries, three
/// servers with 1,000 clients each took more than twice the CPU.
const MAX_BATCH_BYTES: u64 = 256 * 1024;
const MAX_BATCH_ENTRIES: usize = 1024;

/// Hands entries to the hub, in their order.
pub(super) struct Delivering {
    feed: Feed,
    stop: Stop,
    /// The entry that was taken last.
    last: Option<StreamId>,
    max_events: u64,
    uids: UidWindow,
    batch: Batch,
    entries: Vec<Numbered>,
    /// The largest entry of a short time ago, in bytes.
    largest: usize,
    backlog: Backlog,
    /// What is logged now and then only, because others can cause it.
    foreign: LogLimit,
}

impl Delivering {
    /// Of a stream of about so many events.
    pub(super) fn new(feed: Feed, stop: Stop, max_events: u64) -> Delivering {
        Delivering {
            feed,
            stop,
            last: None,
            max_events,
            uids: UidWindow::new(max_events),
            batch: Batch::default(),
            entries: Vec::new(),
            largest: 0,
            backlog: Backlog::begun(SystemTime::now()),
            foreign: LogLimit::default(),
        }
    }

    pub(super) fn hub(&self) -> &Hub {
        self.feed.hub()
    }

    /// The entry that was taken last.
    pub(super) fn last(&self) -> Option<StreamId> {
        self.last
    }

    /// Begins again with the first entry of a stream: uids that came before say nothing about it, since whoever reads
    /// only this one must get the same.
    pub(super) fn begin(&mut self, first: &StreamEntry) {
        self.uids = UidWindow::new(self.max_events);
        self.hub().begin_filling(first.numbered().at);
    }

    /// Forgets what was taken: the stream has lost it.
    pub(super) fn begin_anew(&mut self) {
        self.flush(Delivery::Live);
        self.last = None;
    }

    /// Whether something was taken and not published, and there is room for more beside it.
    pub(super) fn has_part_of_batch(&self) -> bool {
        (1..MAX_BATCH_ENTRIES).contains(&self.entries.len())
    }

    /// How many entries are read at once.
    pub(super) fn count(&self) -> usize {
        MAX_BYTES_AT_ONCE.checked_div(self.largest).unwrap_or(MAX_AT_ONCE).clamp(1, MAX_AT_ONCE)
    }

    /// Notes whether what comes has waited for long: then clients that read are waited for.
    pub(super) fn note_age(&mut self, first: Option<&StreamEntry>) {
        let Some(first) = first else { return self.backlog.end() };
        let came_at = SystemTime::UNIX_EPOCH + Duration::from_millis(first.id.place.millis);
        self.feed.set_catching_up(self.backlog.contains(Some(came_at), SystemTime::now()));
    }

    /// Puts entries into the batch, which is published when it is full.
    pub(super) fn take(&mut self, entries: Vec<StreamEntry>, delivery: Delivery) -> Result<(), Interruption> {
        let largest = entries.iter().map(|entry| entry.bytes).max().unwrap_or(0);
        self.largest = largest.max(self.largest / 2);
        let max_bytes = self.feed.max_batch_bytes().min(MAX_BATCH_BYTES);
        for entry in entries {
            let numbered = entry.numbered();
            match entry.content {
                Content::Event(event) => {
                    let is_new = self.uids.is_new(event.uid(), entry.id.place.millis);
                    if is_new && !has_expired(&event) {
                        self.batch.push(&Publication::of(&event));
                    } else {
                        self.batch.push_nothing();
                    }
                }
                Content::Begin => self.batch.push_nothing(),
                Content::Foreign(problem) => {
                    if let Some(suppressed) = self.foreign.allow(Instant::now()) {
                        warn!(
                            suppressed,
                            entry = %entry.id.place,
                            problem,
                            "an entry of the stream is no event, it is left out"
                        );
                    }
                    self.batch.push_nothing();
                }
                Content::Gap | Content::Newer => {
                    if matches!(entry.content, Content::Newer) {
                        warn!(
                            entry = %entry.id.place,
                            "a newer broadcaster wrote an entry of the stream that this one cannot read: clients are told \
                             that they may have missed events"
                        );
                    }
                    self.flush(delivery);
                    self.feed.hub().begin_again(numbered);
                    self.last = Some(entry.id);
                    continue;
                }
            }
            self.entries.push(numbered);
            self.last = Some(entry.id);
            if self.batch.bytes() >= max_bytes {
                self.flush(delivery);
                if delivery == Delivery::Live {
                    self.await_room()?;
                }
            }
        }
        Ok(())
    }

    /// Publishes the batch.
    pub(super) fn flush(&mut self, delivery: Delivery) {
        if !self.entries.is_empty() {
            self.feed.publish_followed(&mut self.batch, &self.entries, delivery);
            self.entries.clear();
        }
    }

    /// Waits until the hub has room for more. Slow clients lose their place in it meanwhile.
    pub(super) fn await_room(&mut self) -> Result<(), Interruption> {
        while !self.stop.is_requested() {
            let progress = self.feed.progress();
            let Room::Later(time) = self.feed.room(progress) else { break };
            if self.feed.await_progress(progress) {
                wait(&[self.stop.as_fd(), self.feed.as_fd()], time).map_err(Interruption::CannotWait)?;
                self.feed.clear_notification();
            }
        }
        Ok(())
    }
}
