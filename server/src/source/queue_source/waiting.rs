//! What wakes a source, and how it learns what has appeared.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use tracing::warn;

use super::{QueueSource, UNWATCHED_INTERVAL};
use crate::hub::{Progress, Room};
use crate::notifier::wait;
use crate::source::journal_watch::JournalWatch;
use crate::source::watch::{Report, Watch};

impl QueueSource {
    /// Tells the reader what appeared. That the file system reports everything is believed for a while only.
    pub(super) fn follow(&mut self) {
        let (reader, lock_watch) = (&mut self.reader, &mut self.lock_watch);
        reader.begin_round();
        if let Some(watch) = &self.watch {
            watch.read(|report| match report {
                Report::Appeared(name) => reader.follow(name),
                Report::Dropped => reader.lose_track(),
                Report::Itself => lock_watch.look_now(),
            });
        }
        if self.watch.is_none() || Instant::now() >= self.listing_due {
            self.reader.lose_track();
            self.reader.lose_track_of_journal();
            self.listing_due = Instant::now() + self.options.scan_interval;
        }
        // After those of the directory, so that both forms keep the order of a producer that uses both.
        self.journal_watch.follow(&mut self.reader);
    }

    pub(super) fn wait(&mut self, progress: Progress, may_scan: bool, room: Room) -> io::Result<()> {
        let awaits_progress = !self.outstanding.is_empty() || !may_scan;
        if awaits_progress && !self.destination.await_progress(progress) {
            return Ok(());
        }
        let mut descriptors = vec![self.stop.as_fd(), self.destination.as_fd()];
        if let Some(watch) = self.watch.as_ref().filter(|_| may_scan && self.backoff.until().is_none()) {
            descriptors.push(watch.as_fd());
        }
        if may_scan && self.backoff.until().is_none() {
            descriptors.extend(self.journal_watch.descriptor());
        }
        let until = |due: Instant| due.saturating_duration_since(Instant::now());
        let timeout = match self.backoff.until() {
            Some(due) => until(due),
            None if self.watch.is_none() => self.options.scan_interval.min(UNWATCHED_INTERVAL),
            None => self.options.scan_interval,
        };
        let refused = self.rejections.due().filter(|_| may_scan && self.backoff.until().is_none());
        let timeout = refused.map_or(timeout, |due| timeout.min(until(due)));
        let timeout = match room {
            Room::Later(time) => timeout.min(time),
            Room::Now => timeout,
        };
        let timeout = timeout.min(self.lock_watch.pause()).min(self.history.pause());
        // A pause that is over must not make it turn without end while nothing may be read.
        let may_scan = may_scan && self.backoff.until().is_none();
        let timeout = if may_scan { timeout.min(self.journal_watch.pause()) } else { timeout };
        wait(&descriptors, self.refused_acks.due().map_or(timeout, |due| timeout.min(until(due))))?;
        self.destination.clear_notification();
        self.stop.clear_notification();
        if !self.reader.is_current() && !self.is_backing_off() {
            self.reopen()?;
        }
        Ok(())
    }

    pub(super) fn start_watch(&mut self) {
        if let Err(error) = self.try_watch() {
            let interval_ms = self.options.scan_interval.min(UNWATCHED_INTERVAL).as_millis() as u64;
            warn!(%error, interval_ms, "file system reports no changes (fs.inotify.* limits?), reading the queue by timer");
        }
    }

    pub(super) fn try_watch(&mut self) -> io::Result<()> {
        self.journal_watch = JournalWatch::new(self.reader.journal_path());
        self.watch = None;
        self.watch = Some(Watch::new(self.reader.path())?);
        // What appeared before is not reported.
        self.reader.lose_track();
        Ok(())
    }
}
