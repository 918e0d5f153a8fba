//! How many events wait in a queue directory, and for how long, as somebody asks who asks every few seconds: most of it
//! comes from the names.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use rustix::fs::Mode;

use crate::descriptor::DIRECTORY;
use crate::directory::entry::EntryName;
use crate::directory::layout::Form;
use crate::directory::{file, layout};
use crate::queued_at::{Now, QueuedAt};

/// Files that are read to count the events in them. More entries are taken to hold as many on average.
const MAX_READ: u64 = 1_000;

/// The events that wait in a queue directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many there are, including those that are being delivered: of an entry that is none, one.
    pub events: u64,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
}

impl Pending {
    /// Counts them without owning the directory. The limit is that of the reader.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn of(queue: &Path, max_event_bytes: u64) -> io::Result<Pending> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty())?;
        let mut buffer = Vec::new();
        let mut oldest: Option<QueuedAt> = None;
        let (mut events, mut read, mut in_read, mut unread) = (0, 0, 0, 0);
        for found in fs::read_dir(queue)? {
            let found = found?;
            let Some(form) = layout::form(&found.file_name()) else { continue };
            let name = EntryName::new(found.file_name());
            if !layout::is_producer_name(name.as_os_str()) {
                // Other files are few.
                read += 1;
                if read > MAX_READ || !file::is_ours(directory.as_fd(), &name, max_event_bytes, &mut buffer) {
                    continue;
                }
            }
            match form {
                Form::Event => events += 1,
                Form::Lines(_) if read < MAX_READ => {
                    read += 1;
                    in_read += file::count_events(directory.as_fd(), &name, max_event_bytes, &mut buffer) as u64;
                }
                Form::Lines(_) => unread += 1,
            }
            let written = || found.metadata().and_then(|file| file.modified()).map(QueuedAt::from_system);
            // A file without a time is gone again.
            let queued_at = layout::queued_at(name.as_os_str()).map_or_else(|| written().ok(), Some);
            oldest = oldest.into_iter().chain(queued_at).min();
        }
        let now = Now::read().queued_at().nanos();
        let oldest = oldest.map(|oldest| Duration::from_nanos(now.saturating_sub(oldest.nanos())));
        let average = in_read.checked_div(read).unwrap_or(1).max(1);
        Ok(Pending { events: events + in_read + unread * average, oldest })
    }
}
