//! Keeps the failed folder within its limits.

use std::path::Path;
use std::time::{Duration, Instant};

use queue::Failed;
use tracing::warn;

use crate::log_limit::LogLimit;
use crate::logged_reason::LoggedReason;

/// The limits of the folder, and what was put into it.
#[derive(Debug)]
pub(super) struct FailedFolder {
    max_entries: usize,
    max_age: Duration,
    /// Entries that were put aside since the folder was last trimmed.
    added: usize,
    failure: LoggedReason,
    failures: LogLimit,
    deletions: LogLimit,
}

impl FailedFolder {
    pub(super) fn new(max_entries: usize, max_age: Duration) -> FailedFolder {
        FailedFolder {
            max_entries,
            max_age,
            added: 0,
            failure: LoggedReason::default(),
            failures: LogLimit::every_second(),
            deletions: LogLimit::every_second(),
        }
    }

    /// Notes that so many entries were put aside.
    pub(super) fn note_added(&mut self, entries: usize) {
        self.added += entries;
    }

    /// Whether so many were added that the folder must not wait to be trimmed.
    pub(super) fn is_overfull(&self) -> bool {
        self.added > self.max_entries / 4
    }

    /// Deletes the oldest entries, as far as there are too many or they are too old.
    pub(super) fn trim(&mut self, queue: &Path) {
        self.added = 0;
        let trimmed = Failed::open(queue).and_then(|failed| match failed {
            Some(failed) => failed.trim(self.max_entries, self.max_age),
            None => Ok(0),
        });
        let entries = match trimmed {
            Ok(entries) => entries,
            Err(error) => {
                if self.failure.is_new(&error) && self.failures.allow(Instant::now()).is_some() {
                    warn!(%error, "cannot delete old entries of failed/, trying again");
                }
                return;
            }
        };
        self.failure.clear();
        if entries > 0
            && let Some(before) = self.deletions.allow_of(entries as u64, Instant::now())
        {
            let entries = entries as u64 + before;
            warn!(entries, "deleted the oldest entries of failed/ (failed_max_entries, failed_max_age_secs)");
        }
    }
}
