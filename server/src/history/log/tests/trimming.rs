//! What is forgotten, and the space that this gives back.

use std::os::unix::fs::MetadataExt;

use rustix::io::Errno;
use testkit::sandbox;

use super::*;

const EVERYTHING_GOES: Bounds = Bounds { keep_from: Seq(u64::MAX), acked: Seq(u64::MAX), max_bytes: 0 };

/// The numbers that a start finds.
fn numbers(queue: &Queue) -> Vec<u64> {
    let opened = queue.open();
    assert_eq!(opened.anew, None);
    opened.kept.iter().map(|event| event.seq.0).collect()
}

#[test]
fn records_go_as_a_whole_and_only_at_the_front() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    append(&mut log, &[event(1), event(2)]);
    append(&mut log, &[event(3)]);
    append(&mut log, &[event(4), event(5)]);
    for (keep_from, expected) in [(1, 1), (2, 1), (3, 3), (5, 4)] {
        log.trim(&Bounds { keep_from: Seq(keep_from), acked: Seq(5), max_bytes: u64::MAX });
        drop(log);
        assert_eq!(numbers(&queue), (expected..=5).collect::<Vec<_>>(), "{keep_from}");
        log = queue.open().log;
    }
}

#[test]
fn what_is_not_acked_stays_whatever_the_other_bounds_say() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    (1..=4).for_each(|seq| drop(append(&mut log, &[event(seq)])));
    for (acked, expected) in [(0, 1), (2, 3), (1, 3)] {
        log.trim(&Bounds { acked: Seq(acked), ..EVERYTHING_GOES });
        drop(log);
        assert_eq!(numbers(&queue), (expected..=4).collect::<Vec<_>>(), "{acked}");
        log = queue.open().log;
    }
    log.trim(&NOTHING_GOES);
    drop(log);
    assert_eq!(numbers(&queue), [3, 4]);
}

#[test]
fn the_oldest_go_when_there_are_too_many_bytes() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    (1..=10).for_each(|seq| drop(append(&mut log, &[event(seq)])));
    let bytes = log.bytes();
    log.trim(&Bounds { keep_from: Seq(1), acked: Seq(10), max_bytes: bytes - 1 });
    assert!(log.bytes() < bytes && log.bytes() > bytes * 8 / 10);
    log.trim(&Bounds { keep_from: Seq(1), acked: Seq(10), max_bytes: bytes / 2 });
    assert!(log.bytes() <= bytes / 2 && log.bytes() > bytes * 3 / 10);
    drop(log);
    assert_eq!(numbers(&queue), [7, 8, 9, 10]);
}

/// Appends and trims batches of 100 kB, of which 3 stay. Returns the largest size and the largest space of the file.
fn run(queue: &Queue, log: &mut HistoryLog, numbers: std::ops::RangeInclusive<u64>) -> (u64, u64) {
    let payload = format!("\"{}\"", "x".repeat(100_000));
    let files = numbers.map(|seq| {
        append(log, &[Kept { payload_json: payload.as_str().into(), ..event(seq) }]);
        log.trim(&Bounds { keep_from: Seq(seq.saturating_sub(2)), acked: Seq(seq), max_bytes: u64::MAX });
        let metadata = fs::metadata(queue.log()).expect("there");
        (metadata.len(), metadata.blocks() * 512)
    });
    files.fold((0, 0), |most, file| (most.0.max(file.0), most.1.max(file.1)))
}

#[test]
fn a_log_that_is_trimmed_stays_small() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let (size, space) = run(&queue, &mut log, 1..=200);
    assert!(size > 6_000_000, "{size}: it is copied to a shorter file rarely");
    assert!(size < 7_500_000, "{size}: the file grows without end");
    assert!(space < 2_000_000, "{space}: the beginning of the file is not given back");
    drop(log);
    assert_eq!(numbers(&queue), [198, 199, 200]);
    assert_eq!(queue.files(), ["log"]);
}

#[test]
fn a_log_stays_small_where_the_file_system_cannot_give_bytes_back() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let forbidden = sandbox::filter(&[(libc::SYS_fallocate, 1, 0)], Errno::OPNOTSUPP);
    let (size, space) = sandbox::run_under(forbidden, || run(&queue, &mut log, 1..=200));
    assert!(size < 5_500_000 && space < 5_500_000, "{size} {space}");
    assert!(!matches!(&log.state, State::Written(_, file) if file.can_give_back()));
    drop(log);
    assert_eq!(numbers(&queue), [198, 199, 200]);
}

#[test]
fn a_log_that_was_copied_to_a_shorter_file_goes_on_after_another_boot() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let inode = || fs::metadata(queue.log()).expect("there").ino();
    let before = inode();
    run(&queue, &mut log, 1..=100);
    assert_ne!(inode(), before);
    log.close(&queue.reader).expect("closed");
    let opened = queue.open_in(NEXT_BOOT);
    assert_eq!((opened.anew, opened.next, opened.kept.len()), (None, Seq(101), 3));
}

#[test]
fn where_a_log_ends_that_was_copied_to_a_shorter_file_is_known() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let inode = || fs::metadata(queue.log()).expect("there").ino();
    let before = inode();
    for number in 1.. {
        run(&queue, &mut log, number..=number);
        if inode() != before {
            break;
        }
    }
    drop(log);
    let end = fs::metadata(queue.log()).expect("there").len();
    File::options().write(true).open(queue.log()).expect("opened").set_len(end - 1).expect("cut");
    assert!(matches!(queue.open().anew, Some(Anew::Damaged { offset }) if offset < end));
}

#[test]
fn a_log_that_cannot_be_copied_goes_on() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let forbidden = sandbox::filter(&[(libc::SYS_renameat, 0, 0), (libc::SYS_renameat2, 0, 0)], Errno::NOSPC);
    sandbox::run_under(forbidden, || run(&queue, &mut log, 1..=100));
    assert!(log.compaction_due.is_some() && log.is_written());
    assert_eq!(queue.files(), ["log"]);
    drop(log);
    assert_eq!(numbers(&queue), [98, 99, 100]);
}
