//! Random steps of producers that use both forms of the queue, and of its reader, compared with a model in memory. What
//! is queued while a round of reading is on its way may be seen by it in part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use queue::{
    Announcement, AppendOptions, Durability, Entry, EntryError, EntryName, Failed, JournalWriter, Priority, Reader,
    ReaderOptions, Uid,
};
use rustix::fs::{FlockOperation, flock};
use testkit::until;

use crate::segments::{line, number_of, record_of};
use crate::util::{Queue, names, new_event};

/// Producers that use our writers, and may change between both forms at any time.
const WRITERS: usize = 3;
/// Producers that write segments by themselves, with a clock of their own.
const STRANGERS: usize = 2;

#[derive(Debug, Clone)]
enum Queueing {
    Append { writer: usize, priority: Priority, events: usize, filler: usize },
    File { writer: usize, priority: Priority, events: usize },
    Stranger(usize, Priority),
}

#[derive(Debug, Clone)]
enum Step {
    Queue(Queueing),
    /// The process ends, or the script turns to another queue.
    Close(usize),
    /// Killed in the middle of a record.
    Torn(usize),
    /// The clock of a stranger is set, in seconds.
    SetClock(usize, i32),
    /// What is queued before the reports of the directory are read, before those of the journal, and after both.
    ScanFollowed(usize, [Option<Queueing>; 3]),
    Scan(usize),
    LoseReports,
    /// Only the directory is to be listed.
    LoseReportsOfFiles,
    AckOldest,
    AckNewest,
    Commit,
    Reject,
    Retry,
    CrashReader,
    /// A segment that no producer writes any more.
    DeleteSegment,
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![1 => Just(Priority::High), 3 => Just(Priority::Normal), 1 => Just(Priority::Low)]
}

fn queueing() -> impl Strategy<Value = Queueing> {
    let filler = prop_oneof![10 => 0..300usize, 1 => 60_000..70_000usize, 1 => 200_000..300_000usize];
    prop_oneof![
        4 => (0..WRITERS, priority(), 1..4usize, filler)
            .prop_map(|(writer, priority, events, filler)| Queueing::Append { writer, priority, events, filler }),
        2 => (0..WRITERS, priority(), 1..4usize)
            .prop_map(|(writer, priority, events)| Queueing::File { writer, priority, events }),
        2 => (0..STRANGERS, priority()).prop_map(|(stranger, priority)| Queueing::Stranger(stranger, priority)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let maybe = || prop::option::of(queueing());
    prop_oneof![
        10 => queueing().prop_map(Step::Queue),
        2 => (0..WRITERS + STRANGERS).prop_map(Step::Close),
        1 => (0..STRANGERS).prop_map(Step::Torn),
        1 => (0..STRANGERS, -7200..7200).prop_map(|(stranger, secs)| Step::SetClock(stranger, secs)),
        6 => (1..8usize, [maybe(), maybe(), maybe()]).prop_map(|(limit, queued)| Step::ScanFollowed(limit, queued)),
        1 => (1..8usize).prop_map(Step::Scan),
        1 => Just(Step::LoseReports),
        1 => Just(Step::LoseReportsOfFiles),
        4 => Just(Step::AckOldest),
        1 => Just(Step::AckNewest),
        2 => Just(Step::Commit),
        1 => Just(Step::Reject),
        1 => Just(Step::Retry),
        1 => Just(Step::CrashReader),
        1 => Just(Step::DeleteSegment),
    ]
}

/// A producer that is not ours. It follows the format.
#[derive(Default)]
struct Stranger {
    open: [Option<(File, String)>; 3],
    last: u64,
    offset_secs: i64,
}

impl Stranger {
    fn now(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
        (now + self.offset_secs * 1_000_000_000) as u64
    }

    /// The segment that it writes, which is made if there is none. Its name is not after its first record.
    fn segment(&mut self, queue: &Queue, priority: Priority, now: u64) -> &mut (File, String) {
        self.open[priority as usize].get_or_insert_with(|| {
            let (millis, random) = (now / 1_000_000, &Uid::new().to_string()[19..]);
            let lane = ["high.", "", "low."][priority as usize];
            let name = format!("{:08x}-{:04x}-7000-{random}.{lane}seg", millis >> 16, millis & 0xffff);
            let path = queue.path().join("journal").join(&name);
            let file = File::create_new(path).unwrap();
            flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
            (file, name)
        })
    }

    fn append(&mut self, queue: &Queue, priority: Priority, number: usize, part: Option<usize>) -> String {
        let now = self.now();
        self.last = now.max(self.last + 1);
        let record = record_of(line(&format!("[{number}]")).as_bytes(), self.last);
        let (file, name) = self.segment(queue, priority, now);
        file.write_all(&record[..part.unwrap_or(record.len())]).unwrap();
        name.clone()
    }
}

/// What was queued as one entry.
#[derive(Debug, Clone)]
struct Queued {
    producer: usize,
    lane: usize,
    events: usize,
    segment: Option<String>,
    /// Where it was, also after it became a file.
    first_segment: Option<String>,
}

/// What the model knows of a number: that of the first event of its entry.
struct Model {
    queue: Queue,
    writers: Vec<JournalWriter>,
    strangers: Vec<Stranger>,
    all: BTreeMap<usize, Queued>,
    waiting: BTreeSet<usize>,
    outstanding: Vec<(usize, EntryName)>,
    /// Given out of each segment and not known to be acked for good, in order, and whether they are acked.
    given_out: BTreeMap<String, Vec<(usize, bool)>>,
    /// Acked, but a reader that begins anew may find them.
    may_repeat: BTreeSet<usize>,
    /// Their segment was deleted.
    may_be_lost: BTreeSet<usize>,
    /// They come after newer ones.
    late: BTreeSet<usize>,
    failed: BTreeSet<usize>,
    /// Put aside by a reader that ended before the ack counted: they are there as a record and as a file.
    doubled: BTreeSet<usize>,
    last: BTreeMap<(usize, usize), usize>,
    reports: [Vec<String>; 2],
    next: usize,
}

impl Model {
    fn new() -> Model {
        Model {
            queue: Queue::new(),
            writers: (0..WRITERS).map(|_| JournalWriter::new()).collect(),
            strangers: (0..STRANGERS).map(|_| Stranger::default()).collect(),
            all: BTreeMap::new(),
            waiting: BTreeSet::new(),
            outstanding: Vec::new(),
            given_out: BTreeMap::new(),
            may_repeat: BTreeSet::new(),
            may_be_lost: BTreeSet::new(),
            late: BTreeSet::new(),
            failed: BTreeSet::new(),
            doubled: BTreeSet::new(),
            last: BTreeMap::new(),
            reports: Default::default(),
            next: 0,
        }
    }

    fn reader(&self) -> Reader {
        let options = ReaderOptions { index_entries: 4, ..ReaderOptions::default() };
        let reader = self.queue.reader_with(options);
        Announcement::new(1).write(reader.directory()).unwrap();
        reader
    }

    fn queue(&mut self, queueing: &Queueing) {
        let number = self.next;
        let payloads = |events: usize, filler: usize| -> Vec<String> {
            (number..number + events).map(|number| format!("[{number},\"{}\"]", "x".repeat(filler))).collect()
        };
        let queued = match *queueing {
            Queueing::Append { writer, priority, events, filler } => {
                let payloads = payloads(events, filler);
                let new: Vec<_> = payloads.iter().map(|payload| new_event(payload)).collect();
                let options = AppendOptions { priority, durability: Durability::None, max_event_bytes: 1 << 20 };
                let name = self.writers[writer].append(&self.queue.path(), &new, options).unwrap();
                let segment = name.segment.to_string();
                self.reports[1].push(segment.clone());
                Queued {
                    producer: writer,
                    lane: priority as usize,
                    events,
                    first_segment: Some(segment.clone()),
                    segment: Some(segment),
                }
            }
            Queueing::File { writer, priority, events } => {
                let payloads = payloads(events, 0);
                let new: Vec<_> = payloads.iter().map(|payload| new_event(payload)).collect();
                let name = self.queue.writer().enqueue_events(&new, priority).unwrap();
                self.reports[0].push(name.to_string());
                Queued { producer: writer, lane: priority as usize, events, segment: None, first_segment: None }
            }
            Queueing::Stranger(stranger, priority) => {
                let segment = self.strangers[stranger].append(&self.queue, priority, number, None);
                self.reports[1].push(segment.clone());
                let producer = WRITERS + stranger;
                Queued {
                    producer,
                    lane: priority as usize,
                    events: 1,
                    first_segment: Some(segment.clone()),
                    segment: Some(segment),
                }
            }
        };
        self.next += queued.events;
        self.waiting.insert(number);
        self.all.insert(number, queued);
    }

    fn take(&mut self, entries: Vec<Entry>) {
        for Entry { name, events, .. } in entries {
            let events = events.unwrap_or_else(|reason| panic!("{name}: {reason}"));
            let number = number_of(&events[0]);
            let queued = self.all[&number].clone();
            let expected = number..number + queued.events;
            assert!(events.iter().map(number_of).eq(expected), "{number}: all events of an entry or none");
            let is_new = self.waiting.remove(&number);
            let is_repeat = !is_new && (self.may_repeat.remove(&number) || self.doubled.contains(&number));
            assert!(is_new || is_repeat, "{number} was found twice");
            let last = self.last.entry((queued.producer, queued.lane)).or_default();
            assert!(*last <= number || self.late.contains(&number), "{number} came after {last}: {queued:?}");
            if !self.late.contains(&number) {
                *last = number;
            }
            if let (EntryName::Record(record), Some(segment)) = (&name, &queued.segment) {
                assert_eq!(record.segment.to_string(), *segment);
                self.given_out.entry(segment.clone()).or_default().push((number, false));
            }
            self.outstanding.push((number, name));
        }
    }

    fn note_ack(&mut self, number: usize) {
        if let Some(segment) = &self.all[&number].segment {
            self.may_repeat.insert(number);
            let given_out = self.given_out.get_mut(segment).into_iter().flatten();
            given_out.filter(|(other, _)| *other == number).for_each(|(_, is_acked)| *is_acked = true);
        }
    }

    /// The positions are written: what is acked up to the first that is not does not come again.
    fn note_commit(&mut self) {
        for given_out in self.given_out.values_mut() {
            let acked = given_out.iter().take_while(|(_, is_acked)| *is_acked).count();
            for (number, _) in given_out.drain(..acked) {
                self.may_repeat.remove(&number);
            }
        }
    }

    fn forget_reader(&mut self) {
        for (number, _) in std::mem::take(&mut self.outstanding) {
            self.waiting.insert(number);
        }
        let as_files = self.failed.union(&self.late);
        self.doubled.extend(as_files.filter(|number| self.may_repeat.contains(number)));
        self.given_out.clear();
        self.last.clear();
        self.reports = Default::default();
    }

    fn close(&mut self, producer: usize) {
        match producer.checked_sub(WRITERS) {
            None => self.writers[producer] = JournalWriter::new(),
            Some(stranger) => self.strangers[stranger].open = Default::default(),
        }
    }

    fn delete_segment(&mut self) {
        let journal = self.queue.path().join("journal");
        for name in names(&journal) {
            let file = File::open(journal.join(&name)).unwrap();
            if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
                fs::remove_file(journal.join(&name)).unwrap();
                let is_there = |(_, queued): &(&usize, &Queued)| queued.first_segment.as_deref() == Some(&name);
                self.may_be_lost.extend(self.all.iter().filter(is_there).map(|(number, _)| *number));
                return;
            }
        }
    }

    /// The number of an entry in the failed folder.
    fn number_in(&self, failed: &Failed, name: &queue::FileName) -> usize {
        let content = failed.read(name).unwrap();
        number_of(&queue::parse_entry(name, &content, None, 1 << 20).unwrap()[0])
    }
}

fn check(steps: &[Step]) {
    let mut model = Model::new();
    let mut reader = model.reader();
    for step in steps {
        match step {
            Step::Queue(queueing) => model.queue(queueing),
            Step::Close(producer) => model.close(*producer),
            Step::Torn(stranger) => {
                let part = 1 + model.next % 60;
                model.strangers[*stranger].append(&model.queue, Priority::Normal, usize::MAX, Some(part));
                model.close(WRITERS + stranger);
            }
            Step::SetClock(stranger, secs) => model.strangers[*stranger].offset_secs = i64::from(*secs),
            Step::ScanFollowed(limit, queued) => {
                reader.begin_round();
                queued[0].iter().for_each(|queueing| model.queue(queueing));
                model.reports[0].drain(..).for_each(|name| reader.follow(name.as_ref()));
                queued[1].iter().for_each(|queueing| model.queue(queueing));
                model.reports[1].drain(..).for_each(|name| reader.follow_journal(name.as_ref()));
                queued[2].iter().for_each(|queueing| model.queue(queueing));
                let entries = reader.scan_followed(*limit, u64::MAX).unwrap();
                model.take(entries);
            }
            Step::Scan(limit) => {
                let entries = reader.scan(*limit, u64::MAX).unwrap();
                model.take(entries);
            }
            Step::LoseReports => {
                model.reports = Default::default();
                reader.lose_track();
                reader.lose_track_of_journal();
            }
            Step::LoseReportsOfFiles => {
                model.reports[0].clear();
                reader.lose_track();
            }
            Step::AckOldest | Step::AckNewest if model.outstanding.is_empty() => {}
            Step::AckOldest => {
                let (number, name) = model.outstanding.remove(0);
                reader.ack(&name).unwrap();
                model.note_ack(number);
            }
            Step::AckNewest => {
                let (number, name) = model.outstanding.pop().unwrap();
                reader.ack(&name).unwrap();
                model.note_ack(number);
            }
            Step::Commit => {
                reader.commit_acks().unwrap();
                model.note_commit();
            }
            Step::Reject => {
                if let Some((number, name)) = model.outstanding.pop() {
                    let rejected = reader.reject(&name, &EntryError::NoName).unwrap();
                    model.note_ack(number);
                    let is_put_aside = rejected == queue::Rejected::PutAside;
                    assert!(is_put_aside || model.may_be_lost.contains(&number));
                    if is_put_aside {
                        model.failed.insert(number);
                    }
                }
            }
            Step::Retry => {
                let Some(failed) = Failed::open(&model.queue.path()).unwrap() else { continue };
                let Some(entry) = failed.list().unwrap().pop() else { continue };
                let number = model.number_in(&failed, &entry.name);
                failed.retry(&entry.name).unwrap();
                model.reports[0].push(entry.name.to_string());
                assert!(model.failed.remove(&number));
                // It is a file now.
                model.all.get_mut(&number).unwrap().segment = None;
                model.waiting.insert(number);
                model.late.insert(number);
            }
            Step::CrashReader => {
                drop(reader);
                model.forget_reader();
                reader = model.reader();
            }
            Step::DeleteSegment => model.delete_segment(),
        }
    }
    drop(reader);
    model.forget_reader();
    (0..WRITERS + STRANGERS).for_each(|producer| model.close(producer));
    let mut reader = model.reader();
    until("everything is read and deleted", || {
        let entries = reader.scan(7, u64::MAX).unwrap();
        model.take(entries);
        for (number, name) in std::mem::take(&mut model.outstanding) {
            reader.ack(&name).unwrap();
            model.note_ack(number);
        }
        reader.commit_acks().unwrap();
        model.note_commit();
        let is_filled = |name: &String| fs::metadata(model.queue.path().join("journal").join(name)).unwrap().len() > 0;
        model.queue.entries().is_empty() && !names(&model.queue.path().join("journal")).iter().any(is_filled)
    });
    let lost: Vec<&usize> = model.waiting.difference(&model.may_be_lost).collect();
    assert!(lost.is_empty(), "{lost:?} were lost");
    assert_eq!(model.queue.failed().len(), 2 * model.failed.len());
    assert_eq!(reader.take_damage(), None);
}

/// Cases of the test below.
fn cases() -> u32 {
    std::env::var("MODEL_RUNS").map_or(64, |runs| runs.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_of_both_forms_is_found_once_and_in_the_order_of_its_producer(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        check(&steps);
    }
}
