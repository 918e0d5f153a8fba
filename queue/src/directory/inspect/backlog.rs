//! How many entries wait in a queue directory, with how many events, and for how long.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use rustix::fs::Mode;

use crate::descriptor::DIRECTORY;
use crate::directory::entry::FileName;
use crate::directory::file;
use crate::layout;

/// The entries that wait in a queue directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many there are, including outstanding ones.
    pub entries: usize,
    /// How many events they hold: of an entry that is none, or of a newer version, one.
    pub events: usize,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
    /// Files that are no attempts at events. They stay where they are and do not count as waiting.
    pub other_files: usize,
}

impl Backlog {
    /// Counts them without owning the directory. The limit is that of the reader.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn of(queue: &Path, max_event_bytes: u64) -> io::Result<Backlog> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty())?;
        let mut backlog = Backlog::default();
        let mut buffer = Vec::new();
        let mut oldest: Option<SystemTime> = None;
        for found in fs::read_dir(queue)? {
            let found = found?;
            if !layout::is_entry(&found.file_name()) {
                continue;
            }
            let Ok(modified) = found.metadata().and_then(|metadata| metadata.modified()) else { continue };
            let name = FileName::new(found.file_name());
            if !file::is_ours(directory.as_fd(), &name, max_event_bytes, &mut buffer) {
                backlog.other_files += 1;
                continue;
            }
            backlog.entries += 1;
            backlog.events += file::count_events(directory.as_fd(), &name, max_event_bytes, &mut buffer);
            oldest = Some(oldest.map_or(modified, |oldest| oldest.min(modified)));
        }
        backlog.oldest = oldest.map(|oldest| oldest.elapsed().unwrap_or_default());
        Ok(backlog)
    }
}
