//! Enqueue, scan and ack: what the queue costs on tmpfs, one thread, no watcher. As a directory and as a journal.
//!
//! A scan uses up what it finds: every bench builds its backlog anew and counts only the time of the part that it is
//! about.
#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use queue::{
    Announcement, AppendOptions, DEFAULT_MAX_EVENT_BYTES, Durability, EntryName, FileName, JournalWriter, NewEvent,
    Priority, Reader, ReaderOptions, Uid, Writer,
};
use tempfile::TempDir;

const BACKLOG: u64 = 2_000;
/// As the broadcaster takes them.
const BATCH: usize = 1024;
const BATCH_BYTES: u64 = 1024 * 1024;
/// Records of a journal. They take a tenth of the time.
const RECORDS: u64 = 20_000;
/// Producers that write the journal by turns.
const PRODUCERS: [usize; 3] = [1, 8, 100];
/// Entries that were read and wait for slow clients.
const UNACKED: u64 = 1_000;
const PAYLOAD: &[u8] =
    br#"{"x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#;

/// A directory with both of its ends.
struct Queue {
    writer: Writer,
    reader: Reader,
    directory: TempDir,
}

impl Queue {
    /// A reader that has seen so many entries and acked none.
    fn new(unacked: u64) -> Queue {
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in("/dev/shm").expect("a directory");
        let writer = Writer::new(directory.path());
        let reader = Reader::open(directory.path(), ReaderOptions::default()).expect("a reader");
        let mut queue = Queue { writer, reader, directory };
        queue.fill(unacked);
        queue.scan_all();
        queue
    }

    fn enqueue(&self) -> FileName {
        self.writer.enqueue(br#""b""#, PAYLOAD).expect("an entry")
    }

    fn fill(&self, entries: u64) {
        (0..entries).for_each(|_| drop(self.enqueue()));
    }

    fn scan_all(&mut self) -> Vec<EntryName> {
        let mut names = Vec::new();
        loop {
            let entries = self.reader.scan(BATCH, BATCH_BYTES).expect("entries");
            if entries.is_empty() {
                return names;
            }
            names.extend(entries.into_iter().map(|entry| entry.name));
        }
    }

    /// Takes everything out. Returns how many entries that were.
    fn take_all(&mut self) -> usize {
        let mut taken = 0;
        loop {
            let entries = self.reader.scan(BATCH, BATCH_BYTES).expect("entries");
            if entries.is_empty() {
                return taken;
            }
            taken += entries.len();
            entries.iter().for_each(|entry| self.reader.ack(&entry.name).expect("an entry to delete"));
            self.reader.commit_acks().expect("positions");
        }
    }

    fn ack_all(&mut self, names: &[EntryName]) {
        names.iter().for_each(|name| self.reader.ack(name).expect("an entry to delete"));
    }
}

/// Appends records, by turns of the writers.
fn append(writers: &mut [JournalWriter], queue: &Queue, records: u64) {
    let options = AppendOptions {
        priority: Priority::Normal,
        durability: Durability::None,
        max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
    };
    let count = writers.len();
    for number in 0..records as usize {
        let event = NewEvent {
            uid: Uid::new(),
            name_json: br#""b""#,
            payload_json: PAYLOAD,
            channels: None,
            ttl: None,
            key: None,
            except: None,
        };
        let writer = &mut writers[number % count];
        writer.append(queue.directory.path(), &[event], options).expect("a record");
    }
}

/// The same backlog as records of a journal.
fn journal(criterion: &mut Criterion) {
    for producers in PRODUCERS {
        let mut group = criterion.benchmark_group(format!("journal of {RECORDS}, {producers} producers"));
        group.throughput(Throughput::Elements(RECORDS));
        let filled = || {
            let queue = Queue::new(0);
            Announcement::new(1).write(queue.reader.directory()).expect("announced");
            let mut writers: Vec<JournalWriter> = (0..producers).map(|_| JournalWriter::new()).collect();
            let took = timed(|| append(&mut writers, &queue, RECORDS));
            (queue, writers, took)
        };
        group.bench_function("append", |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| filled().2).sum());
        });
        group.bench_function("scan, read, ack and commit", |bencher| {
            let once = || {
                let (mut queue, _writers, _) = filled();
                timed(|| assert_eq!(queue.take_all(), RECORDS as usize))
            };
            bencher.iter_custom(|times| (0..times).map(|_| once()).sum());
        });
        group.finish();
    }
}

fn timed(part: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    part();
    begun.elapsed()
}

fn backlog(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("backlog of {BACKLOG}"));
    group.throughput(Throughput::Elements(BACKLOG));
    group.bench_function("enqueue", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| Queue::new(0)).map(|queue| timed(|| queue.fill(BACKLOG))).sum());
    });
    group.bench_function("scan and read", |bencher| {
        bencher.iter_custom(|times| {
            let once = |mut queue: Queue| {
                queue.fill(BACKLOG);
                timed(|| assert_eq!(queue.scan_all().len(), BACKLOG as usize))
            };
            (0..times).map(|_| once(Queue::new(0))).sum()
        });
    });
    group.bench_function("ack", |bencher| {
        bencher.iter_custom(|times| {
            let once = |mut queue: Queue| {
                queue.fill(BACKLOG);
                let names = queue.scan_all();
                timed(|| queue.ack_all(&names))
            };
            (0..times).map(|_| once(Queue::new(0))).sum()
        });
    });
    group.finish();
}

/// One new entry after many that are not acked yet: by listing the directory, and by following it.
fn next_entry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("next entry behind {UNACKED} unacked"));
    let mut queue = Queue::new(UNACKED);
    let mut next = |times: u64, follows: bool| {
        let once = |_| {
            let name = queue.enqueue();
            if follows {
                queue.reader.follow(name.as_os_str());
            }
            let took = timed(|| {
                let scan = if follows { Reader::scan_followed } else { Reader::scan };
                assert_eq!(scan(&mut queue.reader, BATCH, BATCH_BYTES).expect("entries").len(), 1);
            });
            queue.ack_all(&[name.into()]);
            took
        };
        (0..times).map(once).sum()
    };
    group.bench_function("scan", |bencher| bencher.iter_custom(|times| next(times, false)));
    // The first scan after a listing would list once more, to settle what that one saw.
    next(1, true);
    group.bench_function("scan_followed", |bencher| bencher.iter_custom(|times| next(times, true)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = backlog, journal, next_entry
}
criterion_main!(benches);
