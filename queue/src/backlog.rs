//! What waits in a queue directory, for those who only look.

use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use crate::layout;

/// How many entries wait in a queue directory, and for how long the oldest has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Entries that wait, outstanding ones included.
    pub entries: usize,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
}

impl Backlog {
    /// Counts, without owning the directory.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn of(queue: &Path) -> io::Result<Backlog> {
        let mut backlog = Backlog::default();
        let mut oldest: Option<SystemTime> = None;
        for file in fs::read_dir(queue)? {
            let file = file?;
            if !layout::is_entry(&file.file_name()) {
                continue;
            }
            let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else { continue };
            backlog.entries += 1;
            oldest = Some(oldest.map_or(modified, |oldest| oldest.min(modified)));
        }
        backlog.oldest = oldest.map(|oldest| oldest.elapsed().unwrap_or_default());
        Ok(backlog)
    }
}
