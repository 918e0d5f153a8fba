//! Whether the directory is still ours: it may be replaced, and its lock file deleted.

use std::io;

use queue::OpenError;
use tracing::warn;

use super::QueueSource;
use crate::source::lock_watch::LockWatch;
use crate::source::rejections::Rejections;
use crate::source::retry::RefusedAcks;

impl QueueSource {
    /// The directory was deleted or replaced: the new one is the one to read now.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let path = self.reader.path().to_owned();
        match self.reader.reopen() {
            Ok(reader) => {
                if let Err(error) = self.history.move_to(&reader) {
                    self.on_failure("queue directory was replaced, and nothing can be written to the new one", &error);
                    return Ok(());
                }
                warn!(queue = %path.display(), "queue directory was replaced, reading the new one");
                self.reader = reader;
                // Their files are gone, or belong to the directory that was moved away.
                self.outstanding.clear();
                self.forget_taken();
                self.refused_acks = RefusedAcks::default();
                self.rejections = Rejections::default();
                // That the old lock file is gone says nothing about the new one.
                self.lock_watch = LockWatch::new();
                self.start_watch();
                self.on_success();
            }
            // A standby was faster. Our clients would never receive anything again: they have to connect to it.
            Err(error @ OpenError::Locked(_)) => return Err(io::Error::other(error)),
            Err(error @ OpenError::Missing(_)) => self.on_failure("queue directory is gone", &error),
            Err(error) => self.on_failure("queue directory can no longer be used", &error),
        }
        Ok(())
    }

    /// Makes the lock file again if somebody has deleted it. Older versions know of no other lock, and would read the
    /// queue as well then.
    pub(super) fn check_lock(&mut self) -> io::Result<()> {
        let interval = self.options.scan_interval;
        // A directory that was replaced is opened anew, with its lock.
        if !self.reader.is_current() {
            self.lock_watch.postpone(interval);
        } else if self.lock_watch.look(&mut self.reader, interval)?
            && let Some(watch) = &self.watch
        {
            watch.follow_lock(self.reader.path());
            // It may be gone again since before it was followed.
            self.lock_watch.look_now();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::iter;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use queue::{Reader, ReaderOptions};
    use testkit::QueueDir;

    use crate::config::Settings;
    use crate::health::Health;
    use crate::hub::{Feed, Hub};
    use crate::source::destination::Destination;
    use crate::source::history::HistoryOptions;
    use crate::source::queue_source::{QueueSource, SourceOptions};
    use crate::stop::Stop;

    #[test]
    fn a_deleted_directory_is_not_taken_for_an_empty_one_when_the_next_try_is_due() {
        let queue = QueueDir::new();
        let config = Settings::default().resolve().expect("defaults");
        let options = SourceOptions {
            scan_interval: Duration::from_secs(1),
            failed_max_entries: 10,
            failed_max_age: Duration::from_secs(60),
            history: HistoryOptions { rules: config.history, directory: None },
        };
        let limits = config.limits;
        let feed = Feed::new(Hub::new(iter::empty(), &limits).expect("a hub"), &limits);
        let health = Arc::new(Health::of_source(Duration::ZERO));
        let stop = Stop::new().expect("a notifier");
        let reader = Reader::open(queue.path(), ReaderOptions::default()).expect("a directory");
        let mut source =
            QueueSource::open(reader, options, Destination::Hub(Box::new(feed)), stop, health).expect("a directory");
        fs::remove_dir_all(queue.path()).expect("deleted");
        source.reopen().expect("it waits for the directory");
        // A thread that gets no processor time for so long.
        while source.backoff.until().is_some_and(|until| Instant::now() < until) {
            std::thread::yield_now();
        }
        assert!(!source.take_batch());
        assert!(source.backoff.until().is_some(), "the directory is still gone");
    }
}
