//! What the reader finds wrong in the journal, in the log. However much there is, it fills no log.

use std::time::Instant;

use queue::{Damage, DeniedSegments, Reader, StrangeSegments};
use tracing::{error, warn};

use crate::log_limit::LogLimit;

#[derive(Debug, Default)]
pub(super) struct JournalProblems {
    damages: LogLimit,
    /// What no line was about yet.
    unlogged_damage: Option<Damage>,
    denials: LogLimit,
    strange_segments: LogLimit,
    /// That the journal is no folder was logged.
    has_strange_journal: bool,
}

impl JournalProblems {
    /// Logs what the reader has found since the last call. Returns how many files were moved to the failed folder.
    pub(super) fn log(&mut self, reader: &mut Reader) -> usize {
        self.log_damage(reader.take_damage());
        if let Some(denied) = reader.take_denied_segments() {
            self.log_denied(denied);
        }
        reader.take_strange_segments().map_or(0, |strange| {
            self.log_strange_segments(&strange);
            strange.files
        })
    }

    /// Logs that the journal cannot be made, once for as long as that lasts.
    pub(super) fn log_strange_journal(&mut self, reader: &Reader) {
        let had = std::mem::replace(&mut self.has_strange_journal, reader.has_strange_journal());
        if self.has_strange_journal && !had {
            warn!(
                path = %reader.journal_path().display(),
                "something else than a folder has the name of the journal, producers write files: delete it, and the \
                 folder is made"
            );
        }
    }

    /// Logs that bytes were left out, because they are no records. What came too soon after the last line is part of
    /// the next one.
    fn log_damage(&mut self, found: Option<Damage>) {
        if let Some(found) = found {
            let damage = self.unlogged_damage.get_or_insert(Damage { bytes: 0, places: 0, ..found });
            damage.bytes += found.bytes;
            damage.places += found.places;
        }
        if self.unlogged_damage.is_some()
            && self.damages.allow(Instant::now()).is_some()
            && let Some(Damage { record, bytes, places }) = self.unlogged_damage.take()
        {
            error!(%record, bytes, places, "the journal is damaged, what is no record was left out");
        }
    }

    /// Logs that there are segments which may not be read: each is reported once.
    fn log_denied(&mut self, denied: DeniedSegments) {
        let DeniedSegments { segment: file, files, cause: error } = denied;
        if let Some(before) = self.denials.allow_of(files as u64, Instant::now()) {
            let files = files as u64 + before;
            error!(%file, files, %error, "segments of the journal cannot be read, their events wait, trying again");
        }
    }

    /// Logs that there are files which cannot be segments.
    fn log_strange_segments(&mut self, strange: &StrangeSegments) {
        let StrangeSegments { segment: file, files, reason, cause } = strange;
        if self.strange_segments.allow(Instant::now()).is_none() {
            return;
        }
        match cause {
            None => error!(%file, files, %reason, "the journal holds files that are no segments, kept in failed/"),
            Some(error) => error!(
                %file, files, %reason, %error,
                "the journal holds files that are no segments and cannot be put aside, trying again"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_that_comes_soon_after_a_line_is_part_of_the_next_one() {
        let mut problems = JournalProblems::default();
        let record = "019a3a5e-7f00-7000-8000-000000000000.seg@34".parse().expect("a name");
        let damage = |bytes| Some(Damage { record, bytes, places: 1 });
        problems.log_damage(damage(5));
        assert_eq!(problems.unlogged_damage, None);
        problems.log_damage(damage(7));
        problems.log_damage(damage(8));
        assert_eq!(problems.unlogged_damage, Some(Damage { record, bytes: 15, places: 2 }));
    }
}
