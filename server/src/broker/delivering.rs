//! Entries of the stream on their way to the hub: gathered into batches, without what came before or is of no use.

use std::mem;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use queue::Uid;
use tracing::{debug, warn};

use super::entry::{Content, StreamEntry};
use super::interruption::Interruption;
use super::uid_window::UidWindow;
use crate::backlog::Backlog;
use crate::hub::{Batch, Delivery, Feed, Hub, Numbered, Room};
use crate::log_limit::LogLimit;
use crate::notifier::wait;
use crate::protocol::id::StreamId;
use crate::publication::{Publication, Seq, has_expired};
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
    /// While the stream is read anew because it has lost what was read: what clients got before.
    got_before: Option<UidWindow>,
    batch: Batch,
    entries: Vec<Numbered>,
    /// The uids of events in the batch that the log follows, each with its place there.
    traced: Vec<(usize, Uid)>,
    /// Who gets the batch.
    delivery: Delivery,
    /// The largest entry of a short time ago, in bytes.
    largest: usize,
    backlog: Backlog,
    /// What is logged now and then only, because others can cause it.
    foreign: LogLimit,
    newer: LogLimit,
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
            got_before: None,
            batch: Batch::default(),
            entries: Vec::new(),
            traced: Vec::new(),
            delivery: Delivery::Past,
            largest: 0,
            backlog: Backlog::begun(SystemTime::now()),
            foreign: LogLimit::default(),
            newer: LogLimit::every_second(),
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

    /// Forgets what was taken: the stream has lost it. What comes until [`Delivering::end`] is for those who come back.
    /// Clients without ids cannot: they get what they have not got before.
    pub(super) fn begin_anew(&mut self) {
        self.flush();
        self.last = None;
        self.got_before.get_or_insert_with(|| mem::replace(&mut self.uids, UidWindow::new(self.max_events)));
        self.feed.set_catching_up(true);
    }

    /// Notes that all that was in the stream is there.
    pub(super) fn end(&mut self) {
        self.got_before = None;
    }

    /// Whether something was taken and not published, and there is room for more beside it.
    pub(super) fn has_part_of_batch(&self) -> bool {
        (1..MAX_BATCH_ENTRIES).contains(&self.entries.len())
    }

    /// How many entries are read at once.
    pub(super) fn count(&self) -> usize {
        MAX_BYTES_AT_ONCE.checked_div(self.largest).unwrap_or(MAX_AT_ONCE).clamp(1, MAX_AT_ONCE)
    }

    /// Reads little at once for a while: perhaps the last answer was too large.
    pub(super) fn read_less(&mut self) {
        self.largest = MAX_AT_ONCE * MAX_BYTES_AT_ONCE;
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
        self.turn_to(delivery);
        for entry in entries {
            let numbered = entry.numbered();
            match entry.content {
                Content::Event(event) => {
                    let (uid, millis) = (event.uid(), entry.id.place.millis);
                    let is_new = self.uids.is_new(uid, millis);
                    let is_late =
                        is_new && self.got_before.as_mut().is_some_and(|uids| uids.is_new_and_later(uid, millis));
                    self.turn_to(if is_late { Delivery::Late } else { delivery });
                    debug!(%uid, entry = %entry.id.place, is_new, "event read from the stream of the broker");
                    if is_new && !has_expired(&event) {
                        if Feed::is_traced() {
                            self.traced.push((self.batch.len(), uid));
                        }
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
                    if matches!(entry.content, Content::Newer)
                        && let Some(suppressed) = self.newer.allow(Instant::now())
                    {
                        warn!(
                            suppressed,
                            entry = %entry.id.place,
                            "a newer broadcaster wrote an entry of the stream that this one cannot read: clients are told \
                             that they may have missed events"
                        );
                    }
                    self.flush();
                    self.feed.hub().begin_again(numbered);
                    self.last = Some(entry.id);
                    continue;
                }
            }
            self.entries.push(numbered);
            self.last = Some(entry.id);
            if self.batch.bytes() >= max_bytes {
                self.flush();
                if self.delivery != Delivery::Past {
                    self.await_room()?;
                }
            }
        }
        Ok(())
    }

    /// Publishes the batch if what comes next is for others.
    fn turn_to(&mut self, delivery: Delivery) {
        if self.delivery != delivery {
            self.flush();
            self.delivery = delivery;
        }
    }

    /// Publishes the batch.
    pub(super) fn flush(&mut self) {
        if !self.entries.is_empty() {
            let first = self.feed.publish_followed(&mut self.batch, &self.entries, self.delivery);
            self.entries.clear();
            self.trace(first);
        }
    }

    /// Lets the log follow what was published from a place on, if it is to have such lines. What is for those who come
    /// back is offered to nobody now.
    fn trace(&mut self, first: Seq) {
        for (after, uid) in self.traced.drain(..) {
            if self.delivery != Delivery::Past {
                self.feed.trace(first.plus(after), uid);
            }
        }
        // A single event has been delivered already.
        self.feed.trace_offered();
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
