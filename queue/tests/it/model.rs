//! Random enqueues of both producers, scans, acks, rejects, retries and crashes, compared with a model in memory. New
//! files are reported late, in part, or not at all, as by a file system.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::time::SystemTime;

use proptest::prelude::*;
use queue::{Entry, EntryName, Failed, ReaderOptions};

use crate::util::{Queue, make_old};

#[derive(Debug, Clone)]
enum Step {
    Enqueue,
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_waiting_outstanding_or_deliberately_gone(steps in prop::collection::vec(step(), 1..60)) {
        let queue = Queue::new();
        let options = ReaderOptions { index_entries: 5, ..ReaderOptions::default() };
        let mut reader = queue.reader_with(options.clone());
        // The model: what waits, by number in the order of queueing; what was scanned; how many are in `failed`.
        let mut waiting: BTreeMap<usize, ()> = BTreeMap::new();
        let mut outstanding: Vec<(usize, Entry)> = Vec::new();
        let (mut next, mut failed) = (0, 0);
        // Files that appeared and were not reported yet.
        let mut reports: VecDeque<OsString> = VecDeque::new();
        // Events in `failed`, and those that were there: they are found after they are put back, also behind newer
        // ones.
        let mut put_aside: Vec<(usize, EntryName)> = Vec::new();
        let mut late = BTreeSet::new();

        for step in steps {
            match step {
                Step::Enqueue => {
                    reports.push_back(queue.enqueue_named(next));
                    waiting.insert(next, ());
                    next += 1;
                }
                Step::EnqueueInPlace => {
                    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                    let queued_at = format!("{}.{:06}", now.as_secs(), now.subsec_micros());
                    let content = format!(r#"{{"event":"numbered","payload":{next},"queued_at":{queued_at}}}"#);
                    let path = queue.write(&format!("{}.1_{next:013x}.json", now.as_secs()), content);
                    // When it is created, and when it is closed.
                    reports.extend([path.file_name().unwrap().to_owned(), path.file_name().unwrap().to_owned()]);
                    waiting.insert(next, ());
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
                    let before = outstanding.last().map(|(number, _)| *number);
                    let mut previous = None;
                    let followed = matches!(step, Step::ScanFollowed(_));
                    let scanned = if followed { reader.scan_followed(limit, u64::MAX) } else { reader.scan(limit, u64::MAX) };
                    for entry in scanned.unwrap() {
                        match &entry.event {
                            Ok(event) => {
                                let number: usize = event.payload_json().parse().unwrap();
                                prop_assert!(waiting.remove(&number).is_some(), "{number} was found twice");
                                prop_assert!(previous < Some(number), "{number} came after {previous:?}");
                                prop_assert!(before < Some(number) || late.contains(&number), "{number} came after {before:?}");
                                previous = Some(number);
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
                        put_aside.push((number, entry.name));
                        failed += 1;
                    }
                }
                Step::Retry => {
                    if let Some((number, name)) = put_aside.pop() {
                        Failed::open(&queue.path()).unwrap().unwrap().retry(&name).unwrap();
                        reports.push_back(name.as_os_str().to_owned());
                        waiting.insert(number, ());
                        late.insert(number);
                        failed -= 1;
                    }
                }
                Step::Crash => {
                    drop(reader);
                    reader = queue.reader_with(options.clone());
                    waiting.extend(outstanding.drain(..).map(|(number, _)| (number, ())));
                }
                Step::AckOldest => {}
            }
        }

        drop(reader);
        let mut reader = queue.reader_with(options);
        let mut left = Vec::new();
        loop {
            let entries = reader.scan(7, u64::MAX).unwrap();
            if entries.is_empty() { break }
            for entry in entries {
                match &entry.event {
                    Ok(event) => left.push(event.payload_json().parse::<usize>().unwrap()),
                    Err(reason) => { reader.reject(&entry.name, reason).unwrap(); failed += 1; }
                }
            }
        }
        waiting.extend(outstanding.into_iter().map(|(number, _)| (number, ())));
        prop_assert_eq!(left, waiting.into_keys().collect::<Vec<_>>());
        prop_assert_eq!(queue.failed().len(), 2 * failed);
    }
}
