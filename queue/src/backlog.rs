//! What waits in a queue directory, for those who only look.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use rustix::fs::Mode;

use crate::descriptor::DIRECTORY;
use crate::entry::EntryName;
use crate::entry_file;
use crate::layout;

/// How many entries wait in a queue directory, and for how long the oldest has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Entries that wait, outstanding ones included.
    pub entries: usize,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
    /// Files that are no attempts at events. They stay where they are, and wait for nothing.
    pub other_files: usize,
}

impl Backlog {
    /// Counts, without owning the directory. The limit is that of the reader.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn of(queue: &Path, max_event_bytes: u64) -> io::Result<Backlog> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty())?;
        let mut backlog = Backlog::default();
        let mut buffer = Vec::new();
        let mut oldest: Option<SystemTime> = None;
        for file in fs::read_dir(queue)? {
            let file = file?;
            if !layout::is_entry(&file.file_name()) {
                continue;
            }
            let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else { continue };
            let name = EntryName::new(file.file_name());
            if !entry_file::is_ours(directory.as_fd(), &name, max_event_bytes, &mut buffer) {
                backlog.other_files += 1;
                continue;
            }
            backlog.entries += 1;
            oldest = Some(oldest.map_or(modified, |oldest| oldest.min(modified)));
        }
        backlog.oldest = oldest.map(|oldest| oldest.elapsed().unwrap_or_default());
        Ok(backlog)
    }
}
