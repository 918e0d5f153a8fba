//! In which order entries of different priorities are found.

use queue::Priority;

use crate::util::{Queue, payloads};

#[test]
fn urgent_entries_come_first_and_none_waits_for_good() {
    let queue = Queue::new();
    for number in 0..40 {
        queue.enqueue_lines(number..number + 1, Priority::Low);
    }
    for number in 100..140 {
        queue.enqueue(number);
    }
    for number in 200..240 {
        queue.enqueue_lines(number..number + 1, Priority::High);
    }
    let mut reader = queue.reader();
    let mut found: Vec<usize> = Vec::new();
    loop {
        let entries = reader.scan(7, u64::MAX).unwrap();
        if entries.is_empty() {
            break;
        }
        found.extend(payloads(&entries).iter().map(|payload| payload.parse::<usize>().unwrap()));
    }
    assert_eq!(found.len(), 120);
    for lane in 0..3 {
        let own: Vec<usize> = found.iter().copied().filter(|number| number / 100 == lane).collect();
        assert_eq!(own, (lane * 100..lane * 100 + 40).collect::<Vec<_>>());
    }
    let first: Vec<usize> = found[..13].iter().map(|number| number / 100).collect();
    assert_eq!(first, [2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 0]);
    let last_urgent = found.iter().rposition(|number| *number >= 200).unwrap();
    assert!(last_urgent < 65, "{last_urgent}");
}

#[test]
fn an_urgent_entry_that_is_reported_overtakes_those_that_wait() {
    let queue = Queue::new();
    let mut reader = queue.reader();
    (0..100).for_each(|number| queue.enqueue(number));
    assert_eq!(payloads(&reader.scan(3, u64::MAX).unwrap()), ["0", "1", "2"]);
    let name = queue.enqueue_lines(1000..1002, Priority::High);
    reader.follow(name.as_os_str());
    assert_eq!(payloads(&reader.scan_followed(2, u64::MAX).unwrap()), ["1000", "1001", "3"]);
}
