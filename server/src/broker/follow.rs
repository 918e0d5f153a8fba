//! The thread that follows the stream: what comes there goes to the hub, in that order.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use rand::RngExt;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::connect::connect;
use super::connection::{Connection, Woken};
use super::entry::{Content, StreamEntry};
use super::interruption::Interruption;
use super::options::BrokerOptions;
use super::redis_stream::RedisStream;
use super::uid_window::UidWindow;
use crate::backoff::Backoff;
use crate::hub::{Batch, Delivery, Feed, Numbered, Room};
use crate::log_limit::LogLimit;
use crate::notifier::wait;
use crate::protocol::id::StreamId;
use crate::publication::{Publication, Seq};
use crate::source::{Backlog, Stop, has_expired};

/// How long an entry is waited for. Then it is looked whether the stream still has what was read last.
const BLOCK: Duration = Duration::from_secs(5);
/// How long the server may take to answer after that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Entries that are read at once, and about how many bytes. Redis bounds only their number, and after small ones large
/// ones can come: so many of the largest must fit into memory.
const MAX_AT_ONCE: usize = 128;
const MAX_BYTES_AT_ONCE: usize = 1 << 20;
/// Bytes of frames, and entries, that go to the hub at once: as many as of a queue directory. With 128 entries, three
/// servers with 1,000 clients each took more than twice the CPU.
const MAX_BATCH_BYTES: u64 = 256 * 1024;
const MAX_BATCH_ENTRIES: usize = 1024;

/// Brings what is in the stream to the clients of this machine.
pub(crate) struct Follow {
    feed: Feed,
    options: BrokerOptions,
    stream: RedisStream,
    stop: Stop,
    connection: Option<Connection>,
    /// The entry that was read last.
    last: Option<StreamId>,
    /// What was in the stream when it was first read, or when it was read anew, is there.
    is_filled: bool,
    uids: UidWindow,
    batch: Batch,
    entries: Vec<Numbered>,
    /// The largest entry that was read a short time ago, in bytes.
    largest: usize,
    /// Dropped when what was in the stream at the start is there, or cannot be read.
    filling: Option<oneshot::Sender<()>>,
    backlog: Backlog,
    /// What is logged now and then only, because others can cause it.
    foreign: LogLimit,
    backoff: Backoff,
}

impl Follow {
    /// What is to run on a thread of its own, and what tells that clients may come: what they have missed is there, or
    /// cannot be had now.
    pub(crate) fn new(options: BrokerOptions, feed: Feed, stop: Stop) -> (Follow, oneshot::Receiver<()>) {
        let (filling, filled) = oneshot::channel();
        let follow = Follow {
            stream: RedisStream::new(&options),
            uids: UidWindow::new(options.max_events),
            feed,
            options,
            stop,
            connection: None,
            last: None,
            is_filled: false,
            batch: Batch::default(),
            entries: Vec::new(),
            largest: 0,
            filling: Some(filling),
            backlog: Backlog::begun(SystemTime::now()),
            foreign: LogLimit::default(),
            backoff: Backoff::default(),
        };
        (follow, filled)
    }

    /// Runs until it is asked to stop.
    pub(crate) fn run(mut self) -> io::Result<()> {
        while !self.stop.is_requested() {
            match self.read() {
                Ok(()) => {
                    if self.backoff.succeed() {
                        info!("follows the broker again");
                    }
                }
                Err(interruption) => self.on_failure(&interruption)?,
            }
            self.feed.hub().trim_history(Seq::default(), 0);
        }
        Ok(())
    }

    fn on_failure(&mut self, interruption: &Interruption) -> io::Result<()> {
        if interruption.needs_another_connection() {
            self.connection = None;
        }
        self.filling = None;
        let now = Instant::now();
        if self.backoff.fail(now, interruption) {
            warn!(error = %interruption, "clients receive nothing, because the broker cannot be read");
        }
        let pause = self.backoff.until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        wait(&[self.stop.as_fd()], pause.mul_f64(rand::rng().random_range(0.5..1.0)))
    }

    /// Reads what is next and publishes it.
    fn read(&mut self) -> Result<(), Interruption> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options.address, self.stream.key())?,
        };
        let read = match self.last {
            Some(last) if self.is_filled => self.read_after(&mut connection, last),
            _ => self.fill(&mut connection),
        };
        let read = read.map_err(|interruption| interruption.at(&connection));
        self.connection = Some(connection);
        read
    }

    /// Reads what the stream has: it is for those who come back. Everything after it is for all. If the connection
    /// breaks, the next one goes on with that.
    fn fill(&mut self, connection: &mut Connection) -> Result<(), Interruption> {
        let newest = self.newest(connection)?.id.place;
        while self.last.is_none_or(|last| last.place < newest) {
            if self.stop.is_requested() {
                return Ok(());
            }
            let entries = match self.last {
                Some(last) => self.stream.after_entry(connection, last, self.count())?,
                None => Some(self.stream.after(connection, None, self.count())?),
            };
            // It was emptied meanwhile.
            let Some(entries) = entries else {
                self.begin_anew();
                return Ok(());
            };
            let Some(first) = entries.first() else { break };
            if self.last.is_none() {
                // A uid that came before says nothing about this stream: whoever reads only this one must get the same.
                self.uids = UidWindow::new(self.options.max_events);
                self.feed.hub().begin_filling(first.numbered().at);
            }
            let taken = self.take(entries, Delivery::Past);
            self.flush(Delivery::Past);
            taken?;
        }
        if self.last.is_some() {
            self.feed.hub().end_filling();
            self.is_filled = true;
            self.filling = None;
            info!(entries = self.feed.hub().head().0, "follows the broker");
        }
        Ok(())
    }

    /// Reads the stream from its beginning, because it has lost what was read.
    fn begin_anew(&mut self) {
        (self.last, self.is_filled) = (None, false);
    }

    fn read_after(&mut self, connection: &mut Connection, last: StreamId) -> Result<(), Interruption> {
        self.await_room()?;
        let gathered = self.gather(connection, last);
        self.flush(Delivery::Live);
        gathered
    }

    /// Waits for entries, and takes those that are there, up to a batch.
    fn gather(&mut self, connection: &mut Connection, mut last: StreamId) -> Result<(), Interruption> {
        loop {
            let count = self.count();
            self.stream.ask_after(connection, last, count, self.entries.is_empty().then_some(BLOCK))?;
            match connection.wait(self.stop.as_fd(), BLOCK + ANSWER_TIMEOUT).map_err(Interruption::CannotWait)? {
                Woken::Answer => {}
                Woken::Timeout => return Err(Interruption::NoAnswer { server: String::new() }),
                // The connection is not used again.
                Woken::Other => return Ok(()),
            }
            let Some(entries) = self.stream.answer_after(connection, last)? else {
                warn!(
                    "the broker's stream no longer has what was read last: clients are told that they may have missed \
                    events. It was emptied or trimmed, or another server took over that did not have it"
                );
                self.flush(Delivery::Live);
                self.begin_anew();
                return Ok(());
            };
            if self.entries.is_empty() {
                self.note_age(entries.first());
            }
            let is_all = entries.len() < count;
            self.take(entries, Delivery::Live)?;
            match self.last {
                Some(taken) if !is_all && (1..MAX_BATCH_ENTRIES).contains(&self.entries.len()) => last = taken,
                _ => return Ok(()),
            }
        }
    }

    /// The newest entry. Who finds the stream empty begins it.
    fn newest(&self, connection: &mut Connection) -> Result<StreamEntry, Interruption> {
        loop {
            if let Some(newest) = self.stream.newest(connection)? {
                return Ok(newest);
            }
            self.stream.add_begin(connection, self.options.max_events)?;
        }
    }

    /// How many entries are read at once.
    fn count(&self) -> usize {
        MAX_BYTES_AT_ONCE.checked_div(self.largest).unwrap_or(MAX_AT_ONCE).clamp(1, MAX_AT_ONCE)
    }

    /// Notes whether what comes has waited for long: then clients that read are waited for.
    fn note_age(&mut self, first: Option<&StreamEntry>) {
        let Some(first) = first else { return self.backlog.end() };
        let came_at = SystemTime::UNIX_EPOCH + Duration::from_millis(first.id.place.millis);
        self.feed.set_catching_up(self.backlog.contains(Some(came_at), SystemTime::now()));
    }

    /// Puts entries into the batch, which is published when it is full.
    fn take(&mut self, entries: Vec<StreamEntry>, delivery: Delivery) -> Result<(), Interruption> {
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
                        warn!(suppressed, entry = %entry.id.place, problem, "an entry of the stream is no event, it is left out");
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
    fn flush(&mut self, delivery: Delivery) {
        if !self.entries.is_empty() {
            self.feed.publish_followed(&mut self.batch, &self.entries, delivery);
            self.entries.clear();
        }
    }

    /// Waits until the hub has room for more. Slow clients lose their place in it meanwhile.
    fn await_room(&mut self) -> Result<(), Interruption> {
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
