//! How many events wait in a queue directory, and for how long, as somebody asks who asks every few seconds: most of it
//! comes from the names.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use rustix::fs::Mode;

use crate::descriptor::DIRECTORY;
use crate::directory::entry::FileName;
use crate::directory::file;
use crate::layout;
use crate::layout::Form;
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
            let name = FileName::new(found.file_name());
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

#[cfg(test)]
mod tests {
    use crate::{NewEvent, Priority, Uid, Writer};

    use super::*;

    #[test]
    fn events_are_counted_with_the_age_of_the_oldest_and_other_files_are_not() {
        let queue = tempfile::tempdir().expect("a directory");
        assert_eq!(Pending::of(queue.path(), 1_000).expect("read"), Pending::default());
        let writer = Writer::new(queue.path());
        writer.enqueue(b"\"e\"", b"1").expect("queued");
        let new = |payload_json| NewEvent {
            uid: Uid::new(),
            name_json: b"\"e\"",
            payload_json,
            channels: None,
            ttl: None,
            key: None,
            except: None,
        };
        writer.enqueue_events(&[new(b"1"), new(b"2"), new(b"3")], Priority::High).expect("queued");
        fs::write(queue.path().join("composer.json"), "{}").expect("written");
        fs::write(queue.path().join(".tmp-1.json"), "{}").expect("written");
        // By the pure-PHP class, of 2001.
        let of_php = queue.path().join("1000000000.5_65f0c0ffee.json");
        let pending = Pending::of(queue.path(), 1_000).expect("read");
        assert_eq!(pending.events, 4);
        assert!(pending.oldest.is_some_and(|oldest| oldest < Duration::from_secs(60)), "{pending:?}");
        fs::write(&of_php, r#"{"event":"e"}"#).expect("written");
        let written = std::time::SystemTime::now() - Duration::from_secs(500);
        fs::File::options().append(true).open(&of_php).and_then(|file| file.set_modified(written)).expect("a time");
        let pending = Pending::of(queue.path(), 1_000).expect("read");
        assert_eq!(pending.events, 5);
        assert!(pending.oldest.is_some_and(|oldest| oldest.as_secs() >= 499), "{pending:?}");
        assert!(Pending::of(&queue.path().join("none"), 1_000).is_err());
    }

    #[test]
    fn of_very_many_entries_the_number_of_events_is_estimated() {
        let queue = tempfile::tempdir().expect("a directory");
        let line = |number: u64| {
            let uid = Uid::new();
            format!("{{\"v\":1,\"uid\":\"{uid}\",\"event\":\"e\",\"payload\":{number},\"channels\":null}}\n")
        };
        for _ in 0..MAX_READ + 200 {
            let name = format!("{}.events", Uid::new());
            fs::write(queue.path().join(name), [line(1), line(2)].concat()).expect("written");
        }
        assert_eq!(Pending::of(queue.path(), 10_000).expect("read").events, 2 * (MAX_READ + 200));
    }
}
