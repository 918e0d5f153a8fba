//! Random enqueues of both producers and of both kinds of entries, scans, acks, rejects, retries and crashes, compared
//! with a model in memory. New files are reported late, in part, or not at all, as by a file system.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::time::SystemTime;

use proptest::prelude::*;
use queue::{Entry, Event, Failed, Priority, ReaderOptions};

use crate::util::{Queue, make_old};

#[derive(Debug, Clone)]
enum Step {
    Enqueue,
    /// So many events in one entry.
    EnqueueLines(Priority, usize),
    EnqueueInPlace,
    EnqueueGarbage,
    Report(usize),
    LoseReports,
    Scan(usize),
    ScanFollowed(usize),
    AckOldest,
    AckNewest,
    Reject,
    Retry,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Enqueue),
        4 => (priority(), 1..4usize).prop_map(|(priority, count)| Step::EnqueueLines(priority, count)),
        2 => Just(Step::EnqueueInPlace),
        1 => Just(Step::EnqueueGarbage),
        4 => (1..6usize).prop_map(Step::Report),
        1 => Just(Step::LoseReports),
        1 => (1..6usize).prop_map(Step::Scan),
        4 => (1..6usize).prop_map(Step::ScanFollowed),
        3 => Just(Step::AckOldest),
        1 => Just(Step::AckNewest),
        1 => Just(Step::Reject),
        1 => Just(Step::Retry),
        1 => Just(Step::Crash),
    ]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)]
}

/// The lane of an entry, by its name.
fn lane(name: impl ToString) -> usize {
    let name = name.to_string();
    if name.ends_with(".high.events") {
        0
    } else if name.ends_with(".low.events") {
        2
    } else {
        1
    }
}

/// The lane of an entry, and how many events it has.
fn of(entry: &Entry) -> (usize, usize) {
    (lane(&entry.name), entry.events.as_ref().unwrap().len())
}

/// The number of the first event of an entry, and how many there are. They are numbered without a gap.
fn numbers(events: &[Event]) -> (usize, usize) {
    let numbers: Vec<usize> = events.iter().map(|event| event.payload_json().parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    (numbers[0], numbers.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_waiting_outstanding_or_deliberately_gone(steps in prop::collection::vec(step(), 1..60)) {
        let queue = Queue::new();
        let options = ReaderOptions { index_entries: 5, ..ReaderOptions::default() };
        let mut reader = queue.reader_with(options.clone());
        // The model: what waits, by the number of its first event, which is the order of queueing, with its lane and
        // how many events it has; what was scanned; how many are in `failed`.
        let mut waiting: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        let mut outstanding: Vec<(usize, Entry)> = Vec::new();
        let (mut next, mut failed) = (0, 0);
        // Files that appeared and were not reported yet.
        let mut reports: VecDeque<OsString> = VecDeque::new();
        // Events in `failed`, and those that were there: they are found after they are put back, also after newer
        // ones.
        let mut put_aside: Vec<(usize, Entry)> = Vec::new();
        let mut late = BTreeSet::new();

        for step in steps {
            match step {
                Step::Enqueue => {
                    reports.push_back(queue.enqueue_named(next));
                    waiting.insert(next, (1, 1));
                    next += 1;
                }
                Step::EnqueueLines(priority, count) => {
                    let name = queue.enqueue_lines(next..next + count, priority);
                    reports.push_back(name.as_os_str().to_owned());
                    waiting.insert(next, (lane(&name), count));
                    next += count;
                }
                Step::EnqueueInPlace => {
                    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                    let queued_at = format!("{}.{:06}", now.as_secs(), now.subsec_micros());
                    let content = format!(r#"{{"event":"numbered","payload":{next},"queued_at":{queued_at}}}"#);
                    let path = queue.write(&format!("{}.1_{next:013x}.json", now.as_secs()), content);
                    // When it is created, and when it is closed.
                    reports.extend([path.file_name().unwrap().to_owned(), path.file_name().unwrap().to_owned()]);
                    waiting.insert(next, (1, 1));
                    next += 1;
                }
                Step::EnqueueGarbage => {
                    make_old(&queue.write(&format!("garbage-{next}.json"), "{"));
                    next += 1;
                }
                Step::Report(count) => {
                    reports.drain(..count.min(reports.len())).for_each(|name| reader.follow(&name));
                }
                Step::LoseReports => {
                    reports.clear();
                    reader.lose_track();
                }
                Step::Scan(limit) | Step::ScanFollowed(limit) => {
                    let newest = |lane_of: usize| {
                        let mut own = outstanding.iter().rev().filter(|(_, entry)| lane(&entry.name) == lane_of);
                        own.next().map(|(number, _)| *number)
                    };
                    let before = [newest(0), newest(1), newest(2)];
                    let mut previous = [None; 3];
                    let followed = matches!(step, Step::ScanFollowed(_));
                    let scanned = if followed { reader.scan_followed(limit, u64::MAX) } else { reader.scan(limit, u64::MAX) };
                    for entry in scanned.unwrap() {
                        match &entry.events {
                            Ok(events) => {
                                let (number, count) = numbers(events);
                                let lane = lane(&entry.name);
                                prop_assert_eq!(waiting.remove(&number), Some((lane, count)), "{} was found twice", number);
                                prop_assert!(previous[lane] < Some(number), "{number} came after {previous:?}");
                                prop_assert!(before[lane] < Some(number) || late.contains(&number), "{number} came after {before:?}");
                                previous[lane] = Some(number);
                                outstanding.push((number, entry));
                            }
                            Err(reason) => {
                                reader.reject(&entry.name, reason).unwrap();
                                failed += 1;
                            }
                        }
                    }
                }
                Step::AckOldest if !outstanding.is_empty() => reader.ack(&outstanding.remove(0).1.name).unwrap(),
                Step::AckNewest => {
                    if let Some((_, entry)) = outstanding.pop() {
                        reader.ack(&entry.name).unwrap();
                    }
                }
                Step::Reject => {
                    if let Some((number, entry)) = outstanding.pop() {
                        reader.reject(&entry.name, &queue::EntryError::NoName).unwrap();
                        put_aside.push((number, entry));
                        failed += 1;
                    }
                }
                Step::Retry => {
                    if let Some((number, entry)) = put_aside.pop() {
                        let name = entry.name.file().unwrap();
                        Failed::open(&queue.path()).unwrap().unwrap().retry(name).unwrap();
                        reports.push_back(name.as_os_str().to_owned());
                        waiting.insert(number, of(&entry));
                        late.insert(number);
                        failed -= 1;
                    }
                }
                Step::Crash => {
                    drop(reader);
                    reader = queue.reader_with(options.clone());
                    waiting.extend(outstanding.drain(..).map(|(number, entry)| (number, of(&entry))));
                }
                Step::AckOldest => {}
            }
        }

        drop(reader);
        let mut reader = queue.reader_with(options);
        let mut left: [Vec<usize>; 3] = Default::default();
        loop {
            let entries = reader.scan(7, u64::MAX).unwrap();
            if entries.is_empty() { break }
            for entry in entries {
                match &entry.events {
                    Ok(events) => left[lane(&entry.name)].push(numbers(events).0),
                    Err(reason) => { reader.reject(&entry.name, reason).unwrap(); failed += 1; }
                }
            }
        }
        waiting.extend(outstanding.iter().map(|(number, entry)| (*number, of(entry))));
        let of_lane = |lane| waiting.iter().filter(move |(_, (own, _))| *own == lane).map(|(number, _)| *number).collect();
        let expected: [Vec<usize>; 3] = [of_lane(0), of_lane(1), of_lane(2)];
        prop_assert_eq!(left, expected);
        prop_assert_eq!(queue.failed().len(), 2 * failed);
    }
}
