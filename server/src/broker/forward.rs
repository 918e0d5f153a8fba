//! The thread that forwards: it adds what the source has read from the queue to the stream, in that order. What is not
//! in the stream stays in the queue, whatever happens to the server.

use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use queue::Uid;
use rand::RngExt;
use redis::{RedisResult, cmd};
use tracing::{debug, info, warn};

use super::confirmed::Confirmed;
use super::connection::Connection;
use super::interruption::Interruption;
use super::lines::{self, Lines, Outgoing};
use super::link::{Link, LinkEnd};
use super::options::BrokerOptions;
use super::reconcile::{Found, reconcile};
use super::redis_stream::{Line, RedisStream};
use crate::backoff::Backoff;
use crate::hub::Hub;
use crate::log_limit::LogLimit;
use crate::metrics::QueueResult;
use crate::protocol::id::StreamId;

/// How long replicas are waited for before it is said that there are too few.
const REPLICA_TIMEOUT_MILLIS: u64 = 1_000;
/// What an entry takes in the stream beside its line, about.
const ENTRY_OVERHEAD_BYTES: u64 = 64;
/// How long events are waited for. Then it is looked whether the stream still has what was confirmed last: who has lost
/// something is to be told although nothing more is queued here.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The average size is that of about so many events.
const AVERAGE_OF: u64 = 1024;

/// Adds events to the stream.
pub(crate) struct Forward {
    hub: Hub,
    outgoing: Outgoing,
    options: BrokerOptions,
    stream: RedisStream,
    confirmed: Confirmed,
    link: Link,
    /// It is not known what the last commands have done.
    is_uncertain: bool,
    /// Events of the queue that were found in the stream.
    found: HashSet<Uid>,
    /// Bytes of an entry.
    average_bytes: u64,
    backoff: Backoff,
    /// When it was logged that the broker has lost events.
    losses: LogLimit,
}

/// What became of events that are not to be added any more.
struct Added {
    /// Those whose key another event has.
    repeats: usize,
}

/// Ends a thread that forwards.
#[derive(Debug, Clone)]
pub(crate) struct EndForwarding(Outgoing);

impl EndForwarding {
    /// Forwards nothing more. What is not in the stream stays in the queue.
    pub(crate) fn end(&self) {
        self.0.end();
    }
}

impl Forward {
    /// What is to run on a thread of its own, where its events go in, and what ends it.
    pub(crate) fn new(
        options: BrokerOptions,
        hub: Hub,
        confirmed: Confirmed,
    ) -> io::Result<(Forward, Lines, EndForwarding)> {
        let stream = RedisStream::new(&options);
        let link = Link::new(options.address.clone(), stream.key());
        let (lines, outgoing) = lines::channel(stream.clone())?;
        let end = EndForwarding(outgoing.clone());
        let forward = Forward {
            hub,
            outgoing,
            options,
            stream,
            confirmed,
            link,
            is_uncertain: true,
            found: HashSet::new(),
            average_bytes: 0,
            backoff: Backoff::default(),
            losses: LogLimit::every_second(),
        };
        Ok((forward, lines, end))
    }

    /// What ends its connection.
    pub(super) fn link_end(&self) -> LinkEnd {
        self.link.end()
    }

    /// Runs until it is ended.
    pub(crate) fn run(mut self) {
        while let Some(lines) = self.outgoing.take(LOOK_INTERVAL) {
            if lines.is_empty() {
                self.look();
                continue;
            }
            let added = loop {
                let interruption = match self.add(&lines) {
                    Ok(added) => break added,
                    Err(interruption) => interruption,
                };
                self.is_uncertain = true;
                let now = Instant::now();
                if self.backoff.fail(now, &interruption) {
                    warn!(error = %interruption, "events wait in the queue, because they cannot be forwarded");
                }
                let pause = self.backoff.until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
                // So that not all machines come back at the same moment.
                if self.outgoing.wait(pause.mul_f64(rand::rng().random_range(0.5..1.0))) {
                    return;
                }
            };
            if self.backoff.succeed() {
                info!("events are forwarded again");
            }
            self.outgoing.confirm(&lines);
            self.count(lines.len(), added);
            self.forget_found();
        }
    }

    /// Counts events that need not be forwarded any more: those that are in the stream, and those that repeat a key.
    fn count(&self, events: usize, Added { repeats }: Added) {
        let metrics = self.hub.metrics();
        metrics.broker.forward(events);
        metrics.queue_events(QueueResult::Sent, events - repeats);
        metrics.queue_events(QueueResult::Duplicate, repeats);
    }

    /// Forgets what was found, unless it may still come from the queue.
    fn forget_found(&mut self) {
        if !self.found.is_empty() && self.outgoing.is_caught_up() {
            self.found = HashSet::new();
        }
    }

    /// Finds out whether what was confirmed last was lost. If that cannot be found out now, it is tried again.
    fn look(&mut self) {
        let Some(last) = self.confirmed.last() else { return };
        let looked = self.with_connection(|forward, connection| {
            if forward.is_uncertain || !forward.stream.has(connection, last)? {
                return forward.find_out(connection);
            }
            // One that others add is as good, and is trimmed later.
            match forward.stream.newest(connection)? {
                Some(newest) if newest.id != last => forward.note(newest.id),
                _ => Ok(()),
            }
        });
        self.forget_found();
        if let Err(interruption) = looked {
            debug!(error = %interruption, "cannot look for what was confirmed last");
            self.is_uncertain = true;
        }
    }

    /// Adds those events that are not in the stream yet.
    fn add(&mut self, lines: &[Line]) -> Result<Added, Interruption> {
        self.with_connection(|forward, connection| forward.add_over(connection, lines))
    }

    fn with_connection<T>(
        &mut self,
        does: impl FnOnce(&mut Forward, &mut Connection) -> Result<T, Interruption>,
    ) -> Result<T, Interruption> {
        self.is_uncertain |= self.link.is_down();
        let mut connection = self.link.take()?;
        let done = does(self, &mut connection);
        self.link.put_back(connection, done)
    }

    fn add_over(&mut self, connection: &mut Connection, lines: &[Line]) -> Result<Added, Interruption> {
        if self.is_uncertain {
            self.find_out(connection)?;
        }
        let new: Vec<&Line> = lines.iter().filter(|line| !self.found.contains(&line.uid)).collect();
        let ids = match new.is_empty() {
            true => Vec::new(),
            false => self.stream.add(connection, &new, self.max_entries())?,
        };
        for line in &new {
            debug!(uid = %line.uid, "event added to the stream of the broker");
        }
        self.note_sizes(&new);
        // Also for what was found: it was added, and perhaps not waited for.
        self.await_replicas(connection)?;
        ids.last().map_or(Ok(()), |last| self.note(*last))?;
        Ok(Added { repeats: new.len() - ids.len() })
    }

    /// Finds out what is in the stream.
    fn find_out(&mut self, connection: &mut Connection) -> Result<(), Interruption> {
        let before = self.confirmed.last();
        let Found { uids, newest, is_there, has_lost } =
            reconcile(&self.stream, connection, before, self.max_entries())?;
        if has_lost && let Some(suppressed) = self.losses.allow(Instant::now()) {
            warn!(
                suppressed,
                "the broker has lost events that it had acknowledged: clients are told that they have missed some"
            );
        }
        debug!(events = uids.len(), has_lost, "read the stream behind what was confirmed");
        newest.map_or(Ok(()), |newest| self.note(newest))?;
        // What was found before stood before the entry that is lost, and may be lost as well.
        if !is_there {
            self.found.clear();
        }
        self.found.extend(uids);
        self.is_uncertain = false;
        Ok(())
    }

    /// Waits until enough replicas have what was added.
    fn await_replicas(&self, connection: &mut Connection) -> Result<(), Interruption> {
        let wanted = self.options.min_replicas;
        if wanted == 0 {
            return Ok(());
        }
        let reply: RedisResult<u32> = cmd("WAIT").arg(wanted).arg(REPLICA_TIMEOUT_MILLIS).query(connection);
        match reply? {
            replicas if replicas >= wanted => Ok(()),
            replicas => Err(Interruption::TooFewReplicas { replicas, wanted }),
        }
    }

    /// How many entries the stream is to have, so that it has not too many bytes.
    fn max_entries(&self) -> u64 {
        let of_bytes = self.options.max_bytes.checked_div(self.average_bytes).unwrap_or(u64::MAX);
        of_bytes.clamp(1, self.options.max_events)
    }

    fn note_sizes(&mut self, added: &[&Line]) {
        let events = added.len() as u64;
        if events == 0 {
            return;
        }
        let bytes: u64 = added.iter().map(|line| line.json.len() as u64 + ENTRY_OVERHEAD_BYTES).sum();
        let known = if self.average_bytes == 0 { 0 } else { AVERAGE_OF.saturating_sub(events) };
        self.average_bytes = (self.average_bytes * known + bytes) / (known + events);
    }

    /// Notes an entry as confirmed.
    fn note(&mut self, id: StreamId) -> Result<(), Interruption> {
        let noted = self.confirmed.note(id);
        noted.map_err(|cause| Interruption::CannotNote { path: self.confirmed.path().to_owned(), cause })
    }
}
