//! The source that empties a queue, both forms of it: waits, scans, publishes, and acks what was delivered.

mod ownership;
mod publishing;
#[cfg(test)]
mod stepping;
mod waiting;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use queue::{Entry, EntryName, Reader};
use tracing::{debug, info, warn};

use crate::backlog::Backlog;
use crate::backoff::Backoff;
use crate::health::Health;
use crate::history::HistoryError;
use crate::hub::{Batch, Room};
use crate::metrics::QueueResult;
use crate::publication::{Publication, Seq};
use crate::source::destination::Destination;
use crate::source::failed_folder::FailedFolder;
use crate::source::history::{HistoryOptions, SourceHistory};
use crate::source::journal_problems::JournalProblems;
use crate::source::journal_watch::JournalWatch;
use crate::source::lock_watch::LockWatch;
use crate::source::outstanding::Outstanding;
use crate::source::rejections::Rejections;
use crate::source::retry::RefusedAcks;
use crate::source::selection::{LeftOut, Selection};
use crate::source::taken::{Lines, Taken};
use crate::source::watch::Watch;
use crate::stop::Stop;

/// Entries that are read before clients get them: few enough for the first to be on its way soon, so many that writing
/// to a thousand clients is worth it.
const BATCH_ENTRIES: usize = 1024;
/// The same while records of the journal come fast: these take a tenth of the time.
const BATCH_RECORDS: usize = 4096;
/// Bytes of entries that are read before clients get them: as many as the hub writes to a client at once. With 1 MiB,
/// messages of 1,000 bytes took 1.05 to 1.18 times the CPU.
const MAX_BATCH_BYTES: u64 = 256 * 1024;
/// How often the directory is read when the file system reports nothing at all.
const UNWATCHED_INTERVAL: Duration = Duration::from_millis(100);
/// How often the failed folder is bounded and a missing watch is tried again.
const CHORE_INTERVAL: Duration = Duration::from_secs(60);

pub(crate) struct QueueSource {
    reader: Reader,
    options: SourceOptions,
    watch: Option<Watch>,
    journal_watch: JournalWatch,
    destination: Destination,
    health: Arc<Health>,
    backlog: Backlog,
    outstanding: Outstanding,
    selection: Selection,
    refused_acks: RefusedAcks,
    rejections: Rejections,
    /// Bytes of entries that one scan may return.
    max_batch_bytes: u64,
    batch: Batch,
    /// What `batch` was made of. It stays if the history log does not take it.
    taken: Taken,
    history: SourceHistory,
    stop: Stop,
    backoff: Backoff,
    /// When the directory is listed although the file system reports every change.
    listing_due: Instant,
    chores_due: Instant,
    lock_watch: LockWatch,
    failed_folder: FailedFolder,
    journal_problems: JournalProblems,
}

/// How a queue is consumed.
#[derive(Debug, Clone)]
pub(crate) struct SourceOptions {
    pub(crate) scan_interval: Duration,
    pub(crate) failed_max_entries: usize,
    pub(crate) failed_max_age: Duration,
    pub(crate) history: HistoryOptions,
}

impl QueueSource {
    /// Begins with a queue directory that this process owns: reads its history log.
    pub(crate) fn open(
        reader: Reader,
        options: SourceOptions,
        destination: Destination,
        stop: Stop,
        health: Arc<Health>,
    ) -> Result<QueueSource, HistoryError> {
        let (history, selection) = destination.begin(&reader, &options.history)?;
        let failed_folder = FailedFolder::new(options.failed_max_entries, options.failed_max_age);
        let mut source = QueueSource {
            watch: None,
            journal_watch: JournalWatch::new(reader.journal_path()),
            reader,
            max_batch_bytes: destination.max_batch_bytes().min(MAX_BATCH_BYTES),
            destination,
            health,
            backlog: Backlog::begun(SystemTime::now()),
            outstanding: Outstanding::default(),
            selection,
            refused_acks: RefusedAcks::default(),
            rejections: Rejections::default(),
            options,
            batch: Batch::default(),
            taken: Taken::default(),
            history,
            stop,
            backoff: Backoff::default(),
            listing_due: Instant::now(),
            chores_due: Instant::now(),
            lock_watch: LockWatch::new(),
            failed_folder,
            journal_problems: JournalProblems::default(),
        };
        source.start_watch();
        Ok(source)
    }

    /// Runs until it is asked to stop and all entries that it has published are acked, or the hub has ended.
    pub(crate) fn run(mut self) -> io::Result<()> {
        self.history.log_begin();
        loop {
            self.health.turn();
            // Asked first: the progress of a hub that has ended is its last.
            let is_last_turn = self.stop.is_abandoned();
            let progress = self.destination.progress();
            let more_to_ack = self.ack(progress.delivered);
            self.refused_acks.retry(&mut self.reader);
            let stopping = self.stop.is_requested();
            if stopping && self.outstanding.is_empty() || is_last_turn && !more_to_ack {
                std::mem::take(&mut self.refused_acks).give_up(&mut self.reader);
                return Ok(());
            }
            self.history.trim(&mut self.outstanding, self.refused_acks.len() > 0);
            if Instant::now() >= self.chores_due {
                self.do_chores();
            }
            if self.lock_watch.is_due() {
                self.check_lock()?;
            }
            let room = self.destination.room(progress);
            // What is beyond waits on disk.
            let has_room = room == Room::Now
                && self.outstanding.publications() + self.refused_acks.len() < self.destination.max_undelivered();
            if !stopping && has_room && !self.is_backing_off() && !self.journal_watch.is_napping() && self.take_batch()
            {
                continue;
            }
            if !more_to_ack && !self.lock_watch.is_due() {
                self.wait(progress, !stopping && has_room, room)?;
            }
        }
    }

    /// Takes a batch and publishes it: all events of an entry go in together. What the process before has numbered comes
    /// first. Returns whether there may be more.
    fn take_batch(&mut self) -> bool {
        // A deleted directory looks empty. Wait until it is there again.
        if self.backoff.is_due(Instant::now()) && !self.reader.is_current() {
            return false;
        }
        if !self.taken.is_empty() {
            return self.publish_taken();
        }
        if self.history.has_again() {
            return self.publish_again();
        }
        self.follow();
        self.rejections.retry(&mut self.reader);
        let entries = match self.reader.scan_followed(self.batch_entries(), self.max_batch_bytes) {
            Ok(entries) => entries,
            Err(error) => {
                self.on_failure("cannot read the queue", &error);
                return false;
            }
        };
        self.on_success();
        let found = !entries.is_empty();
        let oldest = entries.iter().filter_map(|entry| entry.queued_at).min();
        let may_wait = self.note_round(&entries);
        if !found {
            self.backlog.end();
            self.destination.note_empty();
        }
        self.destination.set_catching_up(found && self.backlog.contains(oldest, SystemTime::now()));
        for Entry { name, events, .. } in entries {
            match events {
                Ok(events) => {
                    let mut lines = Lines::new();
                    for (event, line) in events.iter().zip(0..) {
                        debug!(entry = %name, uid = %event.uid(), event = event.name_json(), "event read from the queue");
                        if self.selection.admits(event) {
                            if self.destination.needs_frames() {
                                self.batch.push(&Publication::of(event));
                            }
                            lines.push(line);
                        }
                    }
                    if lines.is_empty() {
                        // There is nothing to wait for.
                        self.refused_acks.ack(&mut self.reader, name);
                    } else {
                        self.taken.push(name, events, lines);
                    }
                }
                Err(reason) => {
                    if self.rejections.reject(&mut self.reader, &name, &reason) {
                        self.destination.metrics().queue_events(QueueResult::Rejected, 1);
                        self.failed_folder.note_added(1);
                    }
                }
            }
        }
        self.count_left_out();
        // Very many bad entries must not exceed the folder's limit by far until the next chores.
        if self.failed_folder.is_overfull() {
            self.chores_due = Instant::now();
        }
        self.rejections.log_other_files(self.reader.take_other_files());
        if let Some(newer_entries) = self.reader.take_newer_entries() {
            self.rejections.log_newer_entries(&newer_entries);
        }
        let put_aside = self.journal_problems.log(&mut self.reader);
        self.failed_folder.note_added(put_aside);
        let is_published = self.taken.is_empty() || self.publish_taken();
        // Between two rounds of fast producers there is a pause, unless a batch was full.
        let more = found && (self.reader.has_more() || !self.journal_watch.is_looking()) || !may_wait;
        is_published && more
    }

    fn count_left_out(&mut self) {
        let (LeftOut { expired, duplicate }, metrics) = (self.selection.take_left_out(), self.destination.metrics());
        metrics.queue_events(QueueResult::Expired, expired);
        metrics.queue_events(QueueResult::Duplicate, duplicate);
    }

    /// How many entries are read at once.
    fn batch_entries(&self) -> usize {
        if self.journal_watch.is_looking() { BATCH_RECORDS } else { BATCH_ENTRIES }
    }

    /// Deletes what every client has. Returns whether there is more to delete. Before the next batch is read, no more
    /// than that has are deleted: when one slow client leaves, thousands can be deleted at once, and new events would
    /// wait for all of them.
    fn ack(&mut self, delivered: Seq) -> bool {
        for _ in 0..self.batch_entries() {
            let Some(name) = self.outstanding.take_delivered(delivered) else {
                self.refused_acks.commit(&mut self.reader);
                return false;
            };
            debug!(entry = %name, "entry is delivered, and deleted");
            self.refused_acks.ack(&mut self.reader, name);
        }
        self.refused_acks.commit(&mut self.reader);
        true
    }

    /// Notes how many records of the journal a round has brought. Returns whether the source may wait.
    fn note_round(&mut self, entries: &[Entry]) -> bool {
        let records = entries.iter().filter(|entry| matches!(entry.name, EntryName::Record(_))).count();
        self.journal_watch.note_round(records, &mut self.reader) && !self.reader.has_held()
    }

    /// What has to be done now and then.
    fn do_chores(&mut self) {
        self.chores_due = Instant::now() + CHORE_INTERVAL;
        if self.watch.is_none() && self.try_watch().is_ok() {
            info!("file system reports changes again");
        }
        self.failed_folder.trim(self.reader.path());
        self.rejections.retry_others(&mut self.reader);
        self.journal_problems.log_strange_journal(&self.reader);
    }

    fn is_backing_off(&self) -> bool {
        self.backoff.is_waiting(Instant::now())
    }

    /// Logs a failure unless the one before had the same reason, and delays the next try.
    fn on_failure(&mut self, what: &'static str, error: &(dyn std::error::Error + 'static)) {
        self.health.set_readable(false);
        if self.backoff.fail(Instant::now(), error) {
            warn!(error, "{what}, trying again");
        }
    }

    fn on_success(&mut self) {
        self.health.set_readable(true);
        if self.backoff.succeed() {
            info!("queue works again");
        }
    }
}

impl Drop for QueueSource {
    fn drop(&mut self) {
        // While the lock of the queue is held: the next process opens the log when it has that.
        self.history.close(&self.reader);
    }
}
