mod damage;
mod directory;
mod failures;
mod full_disk;
mod provenance;
mod renewal;
mod round_trip;
mod trimming;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use queue::{Announcement, Reader, ReaderOptions};
use testkit::QueueDir;

use super::*;

const BOOT: &str = "11111111-1111-1111-1111-111111111111";
const NEXT_BOOT: &str = "22222222-2222-2222-2222-222222222222";
const NOTHING_GOES: Bounds = Bounds { keep_from: Seq(0), acked: Seq(0), max_bytes: 0 };

/// A queue directory, owned by the test.
struct Queue {
    directory: QueueDir,
    reader: Reader,
}

impl Queue {
    fn new() -> Queue {
        Queue::of(QueueDir::in_memory())
    }

    fn of(directory: QueueDir) -> Queue {
        let reader = Reader::open(directory.path(), ReaderOptions::default()).expect("a queue");
        Queue { directory, reader }
    }

    fn open(&self) -> Opened<Vec<Kept>> {
        self.open_in(BOOT)
    }

    fn open_in(&self, boot: &str) -> Opened<Vec<Kept>> {
        self.try_open_in(boot).expect("a log")
    }

    fn try_open_in(&self, boot: &str) -> Result<Opened<Vec<Kept>>, HistoryError> {
        HistoryLog::open_in_boot(&self.reader, None, boot.to_owned(), |_| Vec::new())
    }

    fn history(&self) -> PathBuf {
        self.directory.path().join("history")
    }

    fn log(&self) -> PathBuf {
        self.history().join("log")
    }

    /// The names in the directory of the log.
    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.history()).expect("listed");
        let mut names: Vec<String> =
            files.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect();
        names.sort();
        names
    }
}

/// The next event of an entry of its own.
fn event(seq: u64) -> Kept {
    event_of(seq, &format!("{seq}.json"), 0)
}

fn event_of(seq: u64, entry: &str, line: u32) -> Kept {
    Kept {
        seq: Seq(seq),
        at: LogTime(0),
        origin: Some((entry.parse().expect("a name"), line)),
        uid: Some(queue::Uid::new()),
        name_json: "\"test\"".into(),
        payload_json: format!("{{\"number\":{seq}}}").into(),
        timestamp: 1_700_000_000,
        channels: Some(Box::new(["orders".parse().expect("a channel")])),
        expires_at: None,
        key: None,
    }
}

/// Appends events as one batch. Returns them with their time.
fn append(log: &mut HistoryLog, events: &[Kept]) -> Vec<Kept> {
    try_append(log, events).expect("the batch may be handed over")
}

fn try_append(log: &mut HistoryLog, events: &[Kept]) -> Result<Vec<Kept>, CannotGiveUp> {
    let at = log.append(events.iter().map(Kept::logged))?;
    log.state_end();
    Ok(events.iter().cloned().map(|event| Kept { at, ..event }).collect())
}

/// A log of one record for each event, whose process was killed.
fn killed_after(queue: &Queue, events: u64) -> Vec<Kept> {
    let mut log = queue.open().log;
    (1..=events).flat_map(|seq| append(&mut log, &[event(seq)])).collect()
}

/// A state of the log to go back to: content, inode, and the epoch in the queue directory.
struct Saved {
    content: Vec<u8>,
    inode: PathBuf,
    reader: Vec<u8>,
}

impl Saved {
    fn of(queue: &Queue) -> Saved {
        let inode = queue.directory.root().join("saved");
        fs::hard_link(queue.log(), &inode).expect("linked");
        let reader = fs::read(queue.directory.path().join(".reader")).expect("read");
        Saved { content: fs::read(queue.log()).expect("read"), inode, reader }
    }

    fn restore(&self, queue: &Queue) {
        self.restore_as(queue, &self.content);
    }

    /// The same with another content of the log.
    fn restore_as(&self, queue: &Queue, content: &[u8]) {
        fs::remove_file(queue.log()).expect("removed");
        fs::hard_link(&self.inode, queue.log()).expect("linked");
        let file = File::options().write(true).open(&self.inode).expect("opened");
        file.set_len(content.len() as u64).expect("cut");
        file.write_all_at(content, 0).expect("written");
        fs::write(queue.directory.path().join(".reader"), &self.reader).expect("written");
    }
}
