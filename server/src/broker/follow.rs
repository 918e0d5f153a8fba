//! The thread that follows the stream: what comes there goes to the hub, in that order.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::connection::{Connection, Woken};
use super::delivering::Delivering;
use super::entry::StreamEntry;
use super::interruption::Interruption;
use super::link::{Link, LinkEnd};
use super::options::BrokerOptions;
use super::redis_stream::RedisStream;
use crate::backoff::Backoff;
use crate::hub::{Delivery, Feed};
use crate::log_limit::LogLimit;
use crate::notifier::wait;
use crate::protocol::id::StreamId;
use crate::publication::Seq;
use crate::stop::Stop;

/// How long an entry is waited for. Then it is looked whether the stream still has what was read last.
const BLOCK: Duration = Duration::from_secs(5);
/// How long the server may take to answer after that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Brings what is in the stream to the clients of this machine.
pub(crate) struct Follow {
    delivering: Delivering,
    stream: RedisStream,
    max_events: u64,
    stop: Stop,
    link: Link,
    /// What was in the stream when it was first read, or when it was read anew, is there.
    is_filled: bool,
    /// Dropped when what was in the stream at the start is there, or cannot be read.
    filling: Option<oneshot::Sender<()>>,
    backoff: Backoff,
    /// When it was logged that the stream has lost what was read.
    losses: LogLimit,
}

impl Follow {
    /// What is to run on a thread of its own, and what tells that clients may come: what they have missed is there, or
    /// cannot be had now.
    pub(crate) fn new(options: &BrokerOptions, feed: Feed, stop: Stop) -> (Follow, oneshot::Receiver<()>) {
        let (filling, filled) = oneshot::channel();
        let stream = RedisStream::new(options);
        let follow = Follow {
            delivering: Delivering::new(feed, stop.clone(), options.max_events),
            link: Link::new(options.address.clone(), stream.key()),
            stream,
            max_events: options.max_events,
            stop,
            is_filled: false,
            filling: Some(filling),
            backoff: Backoff::default(),
            losses: LogLimit::every_second(),
        };
        (follow, filled)
    }

    /// What ends its connection.
    pub(super) fn link_end(&self) -> LinkEnd {
        self.link.end()
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
            self.delivering.hub().trim_history(Seq::default(), 0);
        }
        Ok(())
    }

    fn on_failure(&mut self, interruption: &Interruption) -> io::Result<()> {
        self.filling = None;
        self.delivering.hub().metrics().broker.disconnects();
        self.delivering.read_less();
        let now = Instant::now();
        if self.backoff.fail(now, interruption) {
            warn!(error = %interruption, "clients receive nothing, because the broker cannot be read");
        }
        let pause = self.backoff.until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        wait(&[self.stop.as_fd()], pause.mul_f64(rand::rng().random_range(0.5..1.0)))
    }

    /// Reads what is next and publishes it.
    fn read(&mut self) -> Result<(), Interruption> {
        let is_new = self.link.is_down();
        let mut connection = self.link.take()?;
        if is_new {
            self.delivering.hub().metrics().broker.connects();
        }
        let read = match self.delivering.last() {
            Some(last) if self.is_filled => self.read_after(&mut connection, last),
            _ => self.fill(&mut connection),
        };
        self.link.put_back(connection, read)
    }

    /// Reads what the stream has: it is for those who come back. Everything after it is for all. If the connection
    /// breaks, the next one goes on with that.
    fn fill(&mut self, connection: &mut Connection) -> Result<(), Interruption> {
        let newest = self.newest(connection)?.id.place;
        while self.delivering.last().is_none_or(|last| last.place < newest) {
            if self.stop.is_requested() {
                return Ok(());
            }
            let (before, count) = (self.delivering.last(), self.delivering.count());
            let entries = match before {
                Some(last) => self.stream.after_entry(connection, last, count)?,
                None => Some(self.stream.after(connection, None, count)?),
            };
            // It was emptied meanwhile.
            let Some(entries) = entries else {
                self.begin_anew();
                return Ok(());
            };
            let Some(first) = entries.first() else { break };
            if before.is_none() {
                self.delivering.begin(first);
            }
            let taken = self.delivering.take(entries, Delivery::Past);
            self.delivering.flush();
            taken?;
        }
        if self.delivering.last().is_some() {
            self.delivering.end();
            let hub = self.delivering.hub();
            hub.end_filling();
            hub.metrics().broker.catches_up();
            info!(entries = hub.head().0, "follows the broker");
            (self.is_filled, self.filling) = (true, None);
        }
        Ok(())
    }

    /// Reads the stream from its beginning, because it has lost what was read.
    fn begin_anew(&mut self) {
        self.delivering.begin_anew();
        self.delivering.hub().metrics().broker.falls_behind();
        self.is_filled = false;
    }

    fn read_after(&mut self, connection: &mut Connection, last: StreamId) -> Result<(), Interruption> {
        self.delivering.await_room()?;
        let gathered = self.gather(connection, last);
        self.delivering.flush();
        if gathered? {
            self.delivering.hub().metrics().broker.catches_up();
        }
        Ok(())
    }

    /// Waits for entries, and takes those that are there, up to a batch. Returns whether that was all.
    fn gather(&mut self, connection: &mut Connection, mut last: StreamId) -> Result<bool, Interruption> {
        loop {
            let (count, is_part) = (self.delivering.count(), self.delivering.has_part_of_batch());
            self.stream.ask_after(connection, last, count, (!is_part).then_some(BLOCK))?;
            match connection.wait(self.stop.as_fd(), BLOCK + ANSWER_TIMEOUT).map_err(Interruption::CannotWait)? {
                Woken::Answer => {}
                Woken::Timeout => return Err(Interruption::NoAnswer { server: String::new() }),
                // The connection is not used again.
                Woken::Other => return Ok(false),
            }
            let Some(entries) = self.stream.answer_after(connection, last)? else {
                if let Some(suppressed) = self.losses.allow(Instant::now()) {
                    warn!(
                        suppressed,
                        "the broker's stream no longer has what was read last: clients are told that they may have missed \
                        events. It was emptied or trimmed, or another server took over that did not have it"
                    );
                }
                self.begin_anew();
                return Ok(false);
            };
            if !entries.is_empty() {
                self.delivering.hub().metrics().broker.falls_behind();
            }
            if !is_part {
                self.delivering.note_age(entries.first());
            }
            let is_all = entries.len() < count;
            self.delivering.take(entries, Delivery::Live)?;
            match self.delivering.last() {
                Some(taken) if !is_all && self.delivering.has_part_of_batch() => last = taken,
                _ => return Ok(is_all),
            }
        }
    }

    /// The newest entry. If the stream is empty, one is added that begins it.
    fn newest(&self, connection: &mut Connection) -> Result<StreamEntry, Interruption> {
        loop {
            if let Some(newest) = self.stream.newest(connection)? {
                return Ok(newest);
            }
            self.stream.add_begin(connection, self.max_events)?;
        }
    }
}
