//! A segment of any bytes beside a good one, and any positions: read while its producer still holds it, and after that.
//! Exactly the records in it are found, as a second reading of the format says, and the good ones beside it.
#![no_main]

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use queue::record::{self, HEAD_BYTES, Head};
use queue::{Entry, EntryName, Reader, ReaderOptions};
use tempfile::TempDir;

const MAX_EVENT_BYTES: u64 = 512;
/// With more, heads with wrong checksums could use up what the reader spends on them.
const MAX_BYTES: usize = 2048;

thread_local! {
    static QUEUE: RefCell<Queue> = RefCell::new(Queue::new());
}

struct Queue {
    root: TempDir,
    reader: Option<Reader>,
    /// Names of segments are used once.
    used: u64,
}

impl Queue {
    fn new() -> Queue {
        let root = TempDir::new().expect("a temporary directory");
        queue::create_directory(&root.path().join("queue")).expect("a queue directory");
        let mut queue = Queue { root, reader: None, used: 0 };
        queue.reopen();
        queue
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("queue")
    }

    /// The next process reads.
    fn reopen(&mut self) {
        self.reader = None;
        let options =
            ReaderOptions { grace: Duration::ZERO, max_event_bytes: MAX_EVENT_BYTES, ..ReaderOptions::default() };
        self.reader = Some(Reader::open(self.path(), options).expect("a reader"));
    }

    fn reader(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("a reader")
    }

    fn segment(&mut self) -> (String, PathBuf) {
        self.used += 1;
        let name = format!("018bcfe5-6800-7000-8000-{:012x}.seg", self.used);
        let path = self.path().join("journal").join(&name);
        (name, path)
    }

    /// Reads and acks what waits. Returns the offsets of the records of a segment, and how many others there were.
    fn take(&mut self, segment: &str) -> (Vec<u64>, usize) {
        let (mut offsets, mut others) = (Vec::new(), 0);
        for _ in 0..10 {
            let entries = self.reader().scan(100, u64::MAX).expect("a scan");
            if entries.is_empty() {
                self.reader().commit_acks().expect("a commit");
                self.reader().take_damage();
                return (offsets, others);
            }
            for Entry { name, events, .. } in entries {
                match &name {
                    EntryName::Record(record) if record.segment.to_string() == segment => offsets.push(record.offset),
                    _ => others += 1,
                }
                match events {
                    Ok(_) => self.reader().ack(&name).expect("an ack"),
                    Err(reason) => drop(self.reader().reject(&name, &reason).expect("a rejection")),
                }
            }
        }
        panic!("records come without end");
    }
}

fn framed(body: &[u8], time: u64) -> Vec<u8> {
    let mut framed = Vec::new();
    record::begin(&mut framed);
    framed.extend_from_slice(body);
    // With a byte 0x1E in the body the head has nothing but zeros.
    let _ = record::finish(&mut framed, time);
    framed
}

fn good(number: u64) -> Vec<u8> {
    let uid = format!("019a3a5e-7f00-7000-8000-{number:012x}");
    let line = format!(
        r#"{{"v":1,"uid":"{uid}","event":"good","payload":{number},"timestamp":1,"queued_at":1.5,"channels":null}}"#
    );
    framed((line + "\n").as_bytes(), number)
}

/// The content of a segment: whole records, records of any body, and any bytes.
fn content(pieces: &[(u8, u64, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (kind, number, bytes) in pieces {
        match kind % 5 {
            0 => content.extend_from_slice(bytes),
            1 => content.extend(framed(bytes, *number)),
            2 => content.extend(good(*number)),
            3 => content.truncate(content.len().saturating_sub(*number as usize % 64)),
            _ => {
                let length = content.len().max(1);
                if let Some(byte) = content.get_mut(*number as usize % length) {
                    *byte ^= 1 << (number >> 32 & 7);
                }
            }
        }
    }
    content.truncate(MAX_BYTES);
    content
}

fn slot(segment: &str, position: u64) -> Vec<u8> {
    let digits: String = segment.chars().take_while(|digit| *digit != '.').filter(|digit| *digit != '-').collect();
    let mut slot = u128::from_str_radix(&digits, 16).expect("a UUID").to_be_bytes().to_vec();
    slot.extend(position.to_le_bytes());
    slot.extend([0; 4]);
    slot.extend(crc32c::crc32c(&slot).to_le_bytes());
    slot
}

/// The offsets of all records from a position on, byte by byte.
fn records(content: &[u8], position: u64) -> Vec<u64> {
    let (mut offsets, mut at, mut is_lost) = (Vec::new(), position as usize, false);
    while at < content.len() {
        let rest = &content[at..];
        let head = rest.first_chunk::<HEAD_BYTES>().and_then(Head::parse);
        let body = head.and_then(|head| rest.get(HEAD_BYTES..HEAD_BYTES + head.body_bytes).filter(|body| head.is_of(body)));
        match body {
            Some(body) if !is_lost || body.len() as u64 <= MAX_EVENT_BYTES => {
                offsets.push(at as u64);
                (at, is_lost) = (at + HEAD_BYTES + body.len(), false);
            }
            _ => (at, is_lost) = (at + 1, true),
        }
    }
    offsets
}

/// Whether all of the first are among the second, in this order.
fn are_among(some: &[u64], all: &[u64]) -> bool {
    let mut all = all.iter();
    some.iter().all(|offset| all.any(|other| other == offset))
}

fn locked(path: &Path, content: &[u8]) -> File {
    let file = File::create_new(path).expect("a segment");
    file.lock().expect("a lock");
    file.write_all_at(content, 0).expect("written");
    file
}

fuzz_target!(|input: (Vec<(u8, u64, &[u8])>, Option<u16>, Option<(u16, &[u8])>, bool)| {
    let (pieces, seen_first, positions, is_taken_back) = input;
    let content = content(&pieces);
    QUEUE.with_borrow_mut(|queue| {
        let (name, path) = queue.segment();
        let (_, beside) = queue.segment();
        fs::write(&beside, [good(1), good(2)].concat()).expect("a good segment");
        if let Some(length) = seen_first {
            // Its producer is alive, and has written a part.
            let length = usize::from(length) % (content.len() + 1);
            let file = locked(&path, &content[..length]);
            let (mut found, good) = queue.take(&name);
            assert_eq!(good, 2);
            assert!(are_among(&found, &records(&content, 0)));
            let left = if is_taken_back { &content[..length / 2] } else { &content[..] };
            file.write_all_at(left, 0).expect("written");
            file.set_len(left.len() as u64).expect("cut");
            drop(file);
            queue.reopen();
            found.extend(queue.take(&name).0);
            assert!(are_among(&records(left, 0), &found), "{found:?}");
            assert!(is_taken_back || found == records(left, 0), "{found:?}");
        } else {
            fs::write(&path, &content).expect("a segment");
            let mut position = 0;
            if let Some((acked, bytes)) = positions {
                position = u64::from(acked) % (2 * MAX_BYTES as u64);
                let bytes = &bytes[..bytes.len() / 32 * 32];
                fs::write(queue.path().join(".positions"), [bytes, &slot(&name, position)].concat()).expect("written");
                queue.reopen();
            }
            let (found, good) = queue.take(&name);
            assert_eq!(good, 2);
            assert_eq!(found, records(&content, position));
        }
        assert!(!beside.exists());
        // One without a byte may be in the making.
        assert!(!path.exists() || fs::metadata(&path).is_ok_and(|file| file.len() == 0), "{}", path.display());
        let _ = fs::remove_file(&path);
        clear(&queue.path());
    });
});

/// Deletes what was rejected, and what waits for a newer version.
fn clear(queue: &Path) {
    for folder in [queue.join("failed"), queue.to_owned()] {
        let Ok(files) = fs::read_dir(folder) else { continue };
        for file in files {
            let path = file.expect("a file").path();
            let is_entry = path.extension().is_some_and(|extension| extension == "events" || extension == "reason");
            if is_entry {
                fs::remove_file(path).expect("a deletion");
            }
        }
    }
}
