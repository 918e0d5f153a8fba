//! What the file system reports of the directory, and regular chores.

use std::io;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{DirectorySource, UNWATCHED_INTERVAL};
use crate::source::watch::{Report, Watch};

/// How often the failed folder is bounded and a missing watch is tried again.
const CHORE_INTERVAL: Duration = Duration::from_secs(60);

impl DirectorySource {
    /// Tells the reader what appeared. That the file system reports everything is believed for a while only.
    pub(super) fn follow(&mut self) {
        let (reader, lock_watch) = (&mut self.reader, &mut self.lock_watch);
        if let Some(watch) = &self.watch {
            watch.read(|report| match report {
                Report::Appeared(name) => reader.follow(name),
                Report::Dropped => reader.lose_track(),
                Report::Itself => lock_watch.look_now(),
            });
        }
        if self.watch.is_none() || Instant::now() >= self.listing_due {
            self.reader.lose_track();
            self.listing_due = Instant::now() + self.options.scan_interval;
        }
    }

    pub(super) fn start_watch(&mut self) {
        if let Err(error) = self.try_watch() {
            let interval_ms = self.options.scan_interval.min(UNWATCHED_INTERVAL).as_millis() as u64;
            warn!(%error, interval_ms, "file system reports no changes (fs.inotify.* limits?), reading the queue by timer");
        }
    }

    fn try_watch(&mut self) -> io::Result<()> {
        self.watch = None;
        self.watch = Some(Watch::new(self.reader.path())?);
        // What appeared before is not reported.
        self.reader.lose_track();
        Ok(())
    }

    /// What has to be done now and then.
    pub(super) fn do_chores(&mut self) {
        self.chores_due = Instant::now() + CHORE_INTERVAL;
        if self.watch.is_none() && self.try_watch().is_ok() {
            info!("file system reports changes again");
        }
        self.failed_folder.trim(self.reader.path());
    }
}
