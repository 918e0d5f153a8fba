use std::ffi::OsString;
use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use queue::{Announcement, Entry, FileName, NewEvent, Priority, Reader, ReaderOptions, Uid, Writer};
use tempfile::TempDir;

/// A queue directory for one test, deleted with the value.
pub(crate) struct Queue {
    root: TempDir,
}

impl Queue {
    pub(crate) fn new() -> Queue {
        let queue = Queue { root: TempDir::new().unwrap() };
        queue::create_directory(&queue.path()).unwrap();
        queue
    }

    /// A queue and its reader, which has said that it reads the journal.
    pub(crate) fn announced() -> (Queue, Reader) {
        let queue = Queue::new();
        let reader = queue.reader();
        Announcement::new(1).write(reader.directory()).unwrap();
        (queue, reader)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("queue")
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::new(self.path())
    }

    pub(crate) fn reader(&self) -> Reader {
        self.reader_with(ReaderOptions::default())
    }

    pub(crate) fn reader_with(&self, options: ReaderOptions) -> Reader {
        Reader::open(self.path(), options).unwrap()
    }

    /// Queues an event whose payload is the number.
    pub(crate) fn enqueue(&self, number: usize) {
        self.enqueue_named(number);
    }

    /// The same; returns the name of the new file.
    pub(crate) fn enqueue_named(&self, number: usize) -> OsString {
        self.writer().enqueue(br#""numbered""#, number.to_string().as_bytes()).unwrap().as_os_str().to_owned()
    }

    /// Queues events whose payloads are the numbers, in one entry.
    pub(crate) fn enqueue_lines(&self, numbers: std::ops::Range<usize>, priority: Priority) -> FileName {
        let payloads: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let events: Vec<NewEvent<'_>> = payloads.iter().map(|payload| new_event(payload)).collect();
        self.writer().enqueue_events(&events, priority).unwrap()
    }

    /// Writes a file in place, as a producer without the extension does.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The visible names in the directory, sorted.
    pub(crate) fn entries(&self) -> Vec<String> {
        names(&self.path()).into_iter().filter(|name| name.ends_with(".json") || name.ends_with(".events")).collect()
    }

    /// The names in the failed folder, sorted.
    pub(crate) fn failed(&self) -> Vec<String> {
        names(&self.path().join("failed"))
    }
}

/// Makes a file look as if it was written long ago.
pub(crate) fn make_old(path: &Path) {
    let old = SystemTime::now() - Duration::from_secs(3600);
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(old)).unwrap();
}

/// The payloads of all events, as text.
pub(crate) fn payloads(entries: &[Entry]) -> Vec<String> {
    let events = entries.iter().flat_map(|entry| entry.events.as_ref().unwrap());
    events.map(|event| event.payload_json().to_owned()).collect()
}

/// An event for everybody, with a new uid.
pub(crate) fn new_event(payload: &str) -> NewEvent<'_> {
    NewEvent {
        uid: Uid::new(),
        name_json: br#""numbered""#,
        payload_json: payload.as_bytes(),
        channels: None,
        ttl: None,
        key: None,
        except: None,
    }
}

/// The name of an entry of several events: the order of the numbers is that of queueing, long ago.
pub(crate) fn lines_name(number: usize) -> String {
    format!("019a3a5e-7f00-7000-8000-{number:012x}.events")
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
