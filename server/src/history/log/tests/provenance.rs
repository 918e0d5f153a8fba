//! Whether a log is the one that belongs to what was sent last.

use std::fs;

use super::*;

#[test]
fn the_first_log_begins_an_epoch_that_the_queue_directory_names() {
    let queue = Queue::new();
    let opened = queue.open();
    assert_eq!((opened.anew, opened.next, opened.trimmed.seq), (Some(Anew::NoLog), Seq(1), Seq(0)));
    let named = Announcement::read(queue.reader.directory()).expect("it is there");
    assert_eq!(named.epoch, opened.epoch);
    assert!(opened.log.is_written());
}

#[test]
fn a_log_goes_on_after_its_process_was_killed() {
    let queue = Queue::new();
    let kept = killed_after(&queue, 3);
    let before = Announcement::read(queue.reader.directory()).expect("it is there").epoch;
    for _ in 0..3 {
        let opened = queue.open();
        assert_eq!((opened.anew, opened.epoch, opened.next), (None, before, Seq(4)));
        assert_eq!(opened.kept, kept);
    }
}

#[test]
fn after_another_boot_only_a_closed_log_goes_on() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let kept = append(&mut log, &[event(1)]);
    log.close(&queue.reader).expect("closed");
    let opened = queue.open_in(NEXT_BOOT);
    assert_eq!((opened.anew, &opened.kept), (None, &kept));
    // It is open now, in both copies of its header.
    let header = fs::read(queue.log()).expect("read")[..4096].to_vec();
    let text = String::from_utf8(header).expect("text");
    assert_eq!((text.matches("\"closed\":false").count(), text.matches("\"closed\":true").count()), (2, 0));
    drop(opened.log);
    assert_eq!(queue.open_in(NEXT_BOOT).anew, None);
    let opened = queue.open_in(BOOT);
    assert_eq!((opened.anew, opened.kept.len(), opened.next), (Some(Anew::NotClosed), 0, Seq(1)));
}

#[test]
fn a_log_whose_copy_took_its_place_does_not_go_on() {
    let queue = Queue::new();
    killed_after(&queue, 1);
    let copy = queue.history().join("copy");
    fs::copy(queue.log(), &copy).expect("copied");
    fs::rename(copy, queue.log()).expect("renamed");
    assert_eq!(queue.open().anew, Some(Anew::Copied));
}

#[test]
fn a_log_does_not_go_on_once_another_epoch_was_sent() {
    let queue = Queue::new();
    let log = queue.open().log;
    log.close(&queue.reader).expect("closed");
    let epoch = begin_without_log(&queue.reader).expect("announced");
    assert_eq!(Announcement::read(queue.reader.directory()).expect("it is there").epoch, epoch);
    let opened = queue.open();
    assert_eq!(opened.anew, Some(Anew::AnotherEpoch));
    assert_ne!(opened.epoch, epoch);
    drop(opened.log);
    assert_eq!(queue.open().anew, None);
    fs::remove_file(queue.directory.path().join(".reader")).expect("removed");
    assert_eq!(queue.open().anew, Some(Anew::AnotherEpoch));
}

#[test]
fn times_and_numbers_go_on_when_everything_was_trimmed() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let kept = append(&mut log, &[event(1), event(2)]);
    log.trim(&Bounds { keep_from: Seq(3), acked: Seq(2), max_bytes: u64::MAX });
    drop(log);
    let mut opened = queue.open();
    assert_eq!((opened.anew, opened.next, opened.kept.len()), (None, Seq(3), 0));
    assert_eq!(opened.trimmed, Trimmed { seq: Seq(2), at: kept[1].at });
    assert!(append(&mut opened.log, &[event(3)])[0].at >= kept[1].at);
}

#[test]
fn a_log_that_is_from_the_future_holds_the_time_until_the_clock_is_there() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    log.clock = Clock::after(LogTime(u64::MAX - 5));
    append(&mut log, &[event(1)]);
    drop(log);
    let mut log = queue.open().log;
    assert_eq!(append(&mut log, &[event(2)])[0].at, LogTime(u64::MAX - 5));
}
