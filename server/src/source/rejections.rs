//! Entries that are no events: put aside, or left where they are as long as the system refuses that. However many there
//! are, they take no place of others and fill no log.

use std::collections::HashMap;
use std::mem::Discriminant;
use std::time::{Duration, Instant};

use queue::{EntryError, EntryName, OtherFiles, Reader, Rejected};
use tracing::{error, info, warn};

use crate::backoff::Backoff;
use crate::log_limit::LogLimit;

/// How many are read again to see whether they can be put aside now. Others wait until these are done.
const TRIES: usize = 16;
/// How many are, once one could be.
const TRIES_AFTER_SUCCESS: usize = 1024;
/// How often a line of one cause is logged.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Rejections {
    /// The system refused to put an entry aside. It would refuse others, most likely.
    backoff: Backoff,
    /// How many are read again when that is due.
    tries: usize,
    lines: HashMap<Discriminant<EntryError>, LogLimit>,
    other_files: LogLimit,
    newer_entries: LogLimit,
    /// Those that no line was about yet.
    unlogged: Option<OtherFiles>,
}

impl Rejections {
    /// Puts an entry aside, or leaves it for later. Returns whether it was put aside.
    pub(super) fn reject(&mut self, reader: &mut Reader, name: &EntryName, reason: &EntryError) -> bool {
        let now = Instant::now();
        if self.backoff.is_waiting(now) {
            reader.leave_unrejectable(name);
            return false;
        }
        match reader.reject(name, reason) {
            Ok(Rejected::NotThere) => false,
            Ok(Rejected::PutAside) => {
                self.backoff.progress(now);
                self.tries = TRIES_AFTER_SUCCESS;
                self.log_rejection(name, reason, now);
                true
            }
            Err(error) => {
                reader.leave_unrejectable(name);
                self.tries = TRIES;
                // Other entries have the same cause, most likely.
                if self.backoff.fail(now, &error.cause) {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    error!(entry = %name, %reason, error, "entry is no event and cannot be put aside, trying again");
                }
                false
            }
        }
    }

    /// When those that were left are to be tried again, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        self.backoff.until()
    }

    /// Has some of those read again that are due.
    pub(super) fn retry(&mut self, reader: &mut Reader) {
        if !self.backoff.is_due(Instant::now()) {
            return;
        }
        if reader.has_unrejectable() {
            reader.retry_unrejectable(self.tries);
        } else {
            self.backoff.succeed();
            info!("entries that are no events can be put aside again");
        }
    }

    /// Has some of those read again of which nothing was refused: records of a newer version that could not become files.
    pub(super) fn retry_others(&self, reader: &mut Reader) {
        if self.backoff.until().is_none() {
            reader.retry_unrejectable(TRIES_AFTER_SUCCESS);
        }
    }

    /// Logs that there are files that are not ours: those that were found now, or those before them that came too soon
    /// after the last line.
    pub(super) fn log_other_files(&mut self, found: Option<OtherFiles>) {
        if let Some(OtherFiles { name: file, files, problem }) = self.other_files_to_log(found, Instant::now()) {
            match problem {
                Some(problem) => {
                    warn!(%file, files, problem, "the queue directory holds a file that cannot be read, trying again")
                }
                None => {
                    warn!(%file, files, "the queue directory holds files that are no events; they stay where they are")
                }
            }
        }
    }

    /// Logs that there are entries which wait for a newer version of this program: each is reported once.
    pub(super) fn log_newer_entries(&mut self, newer_entries: &OtherFiles) {
        let count = newer_entries.files as u64;
        if let Some(before) = self.newer_entries.allow_of(count, Instant::now()) {
            let (entry, entries, reason) = (&newer_entries.name, count + before, newer_entries.problem.as_deref());
            warn!(%entry, entries, reason, "entries of a newer version wait, and are not sent: update the broadcaster");
        }
    }

    fn other_files_to_log(&mut self, found: Option<OtherFiles>, now: Instant) -> Option<OtherFiles> {
        if let Some(found) = found {
            match &mut self.unlogged {
                Some(before) => before.files += found.files,
                None => self.unlogged = Some(found),
            }
        }
        self.unlogged.as_ref()?;
        self.other_files.allow(now)?;
        self.unlogged.take()
    }

    fn log_rejection(&mut self, name: &EntryName, reason: &EntryError, now: Instant) {
        let line = self.lines.entry(std::mem::discriminant(reason));
        if let Some(others) = line.or_insert_with(|| LogLimit::every(LINE_INTERVAL)).allow(now) {
            let others = (others > 0).then_some(others);
            let file = name.file_when_rejected().map(|file| file.to_string());
            error!(entry = %name, file, %reason, others, "entry is no event, kept in failed/");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_that_come_soon_after_a_line_are_in_the_next_one_although_none_follows() {
        let mut rejections = Rejections::default();
        let now = Instant::now();
        let mut to_log = |name: Option<&str>, files, seconds| {
            let found = name.map(|name| OtherFiles { name: name.parse().expect("a name"), files, problem: None });
            let logged = rejections.other_files_to_log(found, now + Duration::from_secs(seconds));
            logged.map(|it| (it.name.to_string(), it.files))
        };
        assert_eq!(to_log(None, 0, 0), None);
        assert_eq!(to_log(Some("composer.json"), 1, 0), Some(("composer.json".to_owned(), 1)));
        assert_eq!(to_log(Some("package.json"), 2, 1), None);
        assert_eq!(to_log(Some("tsconfig.json"), 3, 2), None);
        assert_eq!(to_log(None, 0, 61), Some(("package.json".to_owned(), 5)));
        assert_eq!(to_log(None, 0, 200), None);
    }
}
