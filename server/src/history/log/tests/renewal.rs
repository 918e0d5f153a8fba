//! A log that could not be written, and is written again as a whole.

use rustix::io::Errno;
use testkit::sandbox;

use super::*;
use crate::history::log::renewing::RENEWED_RECORD_BYTES;

/// Causes a failed append.
fn fail(log: &mut HistoryLog, events: &[Kept]) -> Vec<Kept> {
    sandbox::run_under(sandbox::filter(&[(libc::SYS_pwrite64, 0, 0)], Errno::NOSPC), || append(log, events))
}

fn with_times(events: &[Kept]) -> impl Iterator<Item = (LogTime, Logged<'_>)> {
    events.iter().map(|event| (event.at, event.logged()))
}

#[test]
fn a_log_that_cannot_be_written_is_deleted_and_the_run_goes_on() {
    let queue = Queue::new();
    let mut opened = queue.open();
    append(&mut opened.log, &[event(1)]);
    fail(&mut opened.log, &[event(2)]);
    assert_eq!((opened.log.is_written(), opened.log.failures()), (false, 1));
    assert!(queue.files().is_empty());
    append(&mut opened.log, &[event(3)]);
    assert_eq!(opened.log.failures(), 1, "it is counted once");
    opened.log.close(&queue.reader).expect("there is nothing to close");
    let next = queue.open();
    assert_eq!((next.anew, next.next), (Some(Anew::NoLog), Seq(1)));
    assert_ne!(next.epoch, opened.epoch);
}

#[test]
fn a_new_log_is_tried_every_minute() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let now = Instant::now();
    assert!(!log.needs_renewal(now + RENEWAL_INTERVAL));
    fail(&mut log, &[event(1)]);
    assert!(!log.needs_renewal(now) && log.needs_renewal(Instant::now() + RENEWAL_INTERVAL));
    assert!(log.renew(Trimmed { seq: Seq(1), at: LogTime(7) }, []));
    assert!(!log.needs_renewal(Instant::now() + RENEWAL_INTERVAL));
}

#[test]
fn what_is_kept_and_what_is_not_acked_is_in_the_new_log() {
    let queue = Queue::new();
    let mut opened = queue.open();
    let log = &mut opened.log;
    let events: Vec<Kept> = (1..=9).map(event).collect();
    let mut kept = append(log, &events[..4]);
    kept.extend(fail(log, &events[4..6]));
    kept.extend(append(log, &events[6..9]));
    // 2 and 4 are not acked. From 6 on there is no hole.
    let trimmed = Trimmed { seq: Seq(5), at: kept[4].at };
    let kept: Vec<Kept> = kept.into_iter().filter(|event| [2, 4].contains(&event.seq.0) || event.seq.0 > 5).collect();
    assert!(log.renew(trimmed, with_times(&kept)));
    let more = append(log, &[event(10)]);
    drop(opened.log);
    let mut next = queue.open();
    assert_eq!((next.anew, next.epoch, next.next, next.trimmed), (None, opened.epoch, Seq(11), trimmed));
    assert_eq!(next.kept, [kept, more].concat());
    // What was not acked before its beginning goes when it is, and leaves the beginning where it is.
    next.log.trim(&Bounds { keep_from: Seq(1), acked: Seq(10), max_bytes: u64::MAX });
    next.log.trim(&Bounds { keep_from: Seq(6), acked: Seq(4), max_bytes: u64::MAX });
    drop(next.log);
    let last = queue.open();
    assert_eq!((last.trimmed, last.kept[0].seq, last.kept.len()), (trimmed, Seq(6), 5));
}

#[test]
fn many_events_of_one_time_become_several_records() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    let events: Vec<Kept> = (1..=5000).map(event).collect();
    let kept = fail(&mut log, &events);
    assert!(log.renew(Trimmed { seq: Seq(0), at: LogTime(0) }, with_times(&kept)));
    drop(log);
    let content = fs::read(queue.log()).expect("read");
    assert!(content.len() > 2 * RENEWED_RECORD_BYTES);
    assert_eq!(content[4096..].iter().filter(|byte| **byte == 0x1e).count(), content.len() / RENEWED_RECORD_BYTES + 1);
    assert_eq!(queue.open().kept, kept);
}

#[test]
fn a_batch_waits_until_the_log_that_lacks_it_is_deleted() {
    let queue = Queue::new();
    let mut log = queue.open().log;
    append(&mut log, &[event(1)]);
    let forbidden = sandbox::filter(&[(libc::SYS_pwrite64, 0, 0), (libc::SYS_unlinkat, 0, 0)], Errno::IO);
    let errors = sandbox::run_under(forbidden, || [(); 2].map(|()| try_append(&mut log, &[event(2)]).is_err()));
    assert_eq!((errors, log.failures()), ([true, true], 1));
    assert!(!log.needs_renewal(Instant::now() + RENEWAL_INTERVAL));
    assert_eq!(queue.files(), ["log"]);
    append(&mut log, &[event(2)]);
    assert!(queue.files().is_empty() && !log.is_written());
}

#[test]
fn a_log_in_a_queue_directory_that_was_replaced_is_written_in_the_new_one() {
    let queue = Queue::new();
    let mut opened = queue.open();
    let kept = append(&mut opened.log, &[event(1), event(2)]);
    let moved = queue.directory.root().join("moved");
    fs::rename(queue.directory.path(), &moved).expect("renamed");
    queue::create_directory(&queue.directory.path()).expect("created");
    let reader = queue.reader.reopen().expect("a new directory");
    opened.log.move_to(&reader).expect("it can be written");
    assert!(!moved.join("history").join("log").exists(), "it must not be taken for complete there");
    assert_eq!(Announcement::read(reader.directory()).expect("it is there").epoch, opened.epoch);
    assert!(opened.log.needs_renewal(Instant::now()));
    assert!(opened.log.renew(opened.trimmed, with_times(&kept)));
    drop(opened.log);
    let next = HistoryLog::open_in_boot(&reader, None, BOOT.to_owned(), |_| Vec::<Kept>::new()).expect("a log");
    assert_eq!((next.anew, next.epoch, next.kept), (None, opened.epoch, kept));
}

#[test]
fn there_is_no_log_while_the_queue_directory_does_not_name_its_epoch() {
    let queue = Queue::new();
    drop(queue.open());
    // What is in the way cannot be deleted as a file.
    let obstacle = queue.directory.path().join(".reader.new");
    fs::create_dir(&obstacle).expect("created");
    let Opened { mut log, epoch, trimmed, .. } = queue.open();
    assert_eq!(Announcement::read(queue.reader.directory()), None);
    let kept = append(&mut log, &[event(1)]);
    for _ in 0..2 {
        assert!(!log.is_written() && queue.files().is_empty());
        assert!(!log.renew(trimmed, with_times(&kept)));
    }
    fs::remove_dir(obstacle).expect("removed");
    assert!(log.renew(trimmed, with_times(&kept)));
    drop(log);
    let next = queue.open();
    assert_eq!((next.anew, next.epoch, next.kept), (None, epoch, kept));
}
