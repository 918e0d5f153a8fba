//! Each system call that fails, in each operation: what a later start continues is never less than what was sent.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use testkit::sandbox;

use super::*;

/// The calls that the log makes. Each can fail.
const CALLS: [(&str, &[libc::c_long]); 8] = [
    ("mkdir", &[libc::SYS_mkdirat]),
    ("open", &[libc::SYS_openat]),
    ("write", &[libc::SYS_pwrite64]),
    ("read", &[libc::SYS_pread64, libc::SYS_read]),
    ("truncate", &[libc::SYS_ftruncate]),
    ("sync", &[libc::SYS_fsync]),
    ("rename", &[libc::SYS_renameat, libc::SYS_renameat2]),
    ("unlink", &[libc::SYS_unlinkat]),
];

/// All sets of one or two of them.
fn failing() -> impl Iterator<Item = (String, Vec<libc::c_long>)> {
    let pairs = (0..CALLS.len()).flat_map(|one| (one..CALLS.len()).map(move |other| (one, other)));
    pairs.map(|(one, other)| {
        let (one, other) = (CALLS[one], CALLS[other]);
        (format!("{} and {}", one.0, other.0), [one.1, other.1].concat())
    })
}

fn under<T: Send>(calls: &[libc::c_long], run: impl FnOnce() -> T + Send) -> T {
    let forbidden: Vec<sandbox::Forbidden> = calls.iter().map(|call| (*call, 0, 0)).collect();
    sandbox::run_under(sandbox::filter(&forbidden, Errno::NOSPC), run)
}

/// Opens the log as the next process does, and checks that no number is given again that clients have.
fn check(queue: &Queue, epoch: u64, sent: u64, boot: &str, what: &str) {
    let opened = queue.open_in(boot);
    if opened.epoch == epoch {
        assert_eq!(opened.anew, None, "{what}");
        let numbers: Vec<u64> = opened.kept.iter().map(|event| event.seq.0).collect();
        assert_eq!(numbers, (opened.trimmed.seq.0 + 1..opened.next.0).collect::<Vec<_>>(), "{what}");
        assert!(opened.next > Seq(sent), "{what}: {} is given again, {sent} was sent", opened.next);
    } else {
        assert!(opened.anew.is_some() && opened.kept.is_empty(), "{what}");
    }
}

/// Appends a batch that is not sent if it has to wait. Returns the last number that was sent.
fn send(log: &mut HistoryLog, sent: u64) -> u64 {
    if try_append(log, &[event(sent + 1)]).is_ok() { sent + 1 } else { sent }
}

#[test]
fn an_append_that_fails_gives_no_number_twice() {
    for (what, calls) in failing() {
        let queue = Queue::new();
        let Opened { mut log, epoch, .. } = queue.open();
        let sent = send(&mut log, 0);
        let sent = under(&calls, || send(&mut log, sent));
        check_after(&queue, log, epoch, sent, &what);
    }
}

/// The process goes on with every call, and is killed or stopped then.
fn check_after(queue: &Queue, mut log: HistoryLog, epoch: u64, sent: u64, what: &str) {
    let saved = fs::metadata(queue.log()).is_ok().then(|| Saved::of(queue));
    let sent_later = send(&mut log, sent);
    let is_closed = sent_later.is_multiple_of(2);
    if is_closed {
        log.close(&queue.reader).expect("closed");
    } else {
        drop(log);
    }
    check(queue, epoch, sent_later, BOOT, &format!("{what}, going on, closed: {is_closed}"));
    if let Some(saved) = saved
        && fs::metadata(queue.log()).is_ok()
    {
        saved.restore(queue);
        check(queue, epoch, sent, BOOT, &format!("{what}, killed at once"));
    }
}

#[test]
fn a_start_that_fails_gives_no_number_twice() {
    for (what, calls) in failing() {
        for boot in [BOOT, NEXT_BOOT] {
            let queue = Queue::new();
            let Opened { mut log, epoch: first, .. } = queue.open();
            send(&mut log, 0);
            log.close(&queue.reader).expect("closed");
            let opened = under(&calls, || queue.try_open_in(boot));
            let Ok(Opened { mut log, epoch, next, .. }) = opened else {
                // Nothing was sent.
                check(&queue, first, 1, boot, &what);
                continue;
            };
            let sent = send(&mut log, next.0 - 1);
            drop(log);
            check(&queue, epoch, sent, boot, &what);
            // The first epoch must not come back either: nothing of the second is in its log.
            let is_back = epoch != first && queue.open_in(boot).epoch == first;
            assert!(!is_back, "{what}");
        }
    }
}

#[test]
fn a_first_start_that_fails_gives_no_number_twice() {
    for (what, calls) in failing() {
        let queue = Queue::new();
        let opened = under(&calls, || queue.try_open_in(BOOT));
        let Ok(Opened { mut log, epoch, .. }) = opened else { continue };
        let sent = send(&mut log, 0);
        drop(log);
        check(&queue, epoch, sent, BOOT, &what);
    }
}

#[test]
fn a_start_that_cannot_say_its_epoch_leaves_a_log_that_it_would_not_continue() {
    let queue = Queue::new();
    killed_after(&queue, 2);
    let mut content = fs::read(queue.log()).expect("read");
    *content.last_mut().expect("records") ^= 1;
    fs::write(queue.log(), &content).expect("written");
    // It can neither be replaced nor deleted.
    let reader = queue.directory.path().join(".reader");
    let announced = fs::read(&reader).expect("read");
    fs::remove_file(&reader).expect("removed");
    fs::create_dir(&reader).expect("a directory");
    for _ in 0..2 {
        let refused = queue.try_open_in(BOOT).map(drop);
        assert!(matches!(refused, Err(HistoryError::Io { .. })), "{refused:?}");
        assert!(fs::read(queue.log()).expect("read") == content, "the log was changed");
    }
    fs::remove_dir(&reader).expect("removed");
    fs::write(&reader, announced).expect("written");
    assert!(matches!(queue.open().anew, Some(Anew::Damaged { .. })));
}

#[test]
fn a_new_log_that_cannot_be_written_gives_no_number_twice() {
    for (what, calls) in failing() {
        let queue = Queue::new();
        let Opened { mut log, epoch, trimmed, .. } = queue.open();
        let kept = under(&[libc::SYS_pwrite64], || append(&mut log, &[event(1)]));
        let renewed = under(&calls, || log.renew(trimmed, kept.iter().map(|event| (event.at, event.logged()))));
        let sent = send(&mut log, 1);
        assert_eq!(log.is_written(), renewed, "{what}");
        check_after(&queue, log, epoch, sent, &what);
    }
}

#[test]
fn a_trim_that_fails_loses_nothing() {
    for (what, calls) in failing() {
        let queue = Queue::new();
        let Opened { mut log, epoch, .. } = queue.open();
        let sent = (0..4).fold(0, |sent, _| send(&mut log, sent));
        let bounds = Bounds { keep_from: Seq(3), acked: Seq(4), max_bytes: u64::MAX };
        under(&calls, || log.trim(&bounds));
        check_after(&queue, log, epoch, sent, &what);
    }
}

#[test]
fn a_log_is_closed_only_if_all_was_synced() {
    for (what, calls) in failing() {
        let queue = Queue::new();
        let Opened { mut log, epoch, .. } = queue.open();
        let sent = send(&mut log, 0);
        let closed = under(&calls, || log.close(&queue.reader)).is_ok();
        let fails = calls.contains(&libc::SYS_fsync) || calls.contains(&libc::SYS_pwrite64);
        assert_eq!(closed, !fails, "{what}");
        let is_marked = String::from_utf8_lossy(&fs::read(queue.log()).expect("read")).contains("\"closed\":true");
        assert_eq!(is_marked, !fails, "{what}");
        check(&queue, epoch, sent, NEXT_BOOT, &what);
    }
}

fn moved(descriptor: BorrowedFd<'_>, number: u64) -> OwnedFd {
    fcntl_dupfd_cloexec(descriptor, number as i32).expect("a descriptor")
}

#[test]
fn the_mark_is_written_last() {
    // The descriptors get numbers that have no bit in common, so that one of them can be refused alone.
    const DIRECTORY: u64 = 256;
    const LOG: u64 = 512;
    let queue = Queue::new();
    let of_queue = queue.reader.directory().as_raw_fd() as u64;
    assert!(of_queue > 0 && of_queue < DIRECTORY, "{of_queue}");
    for (refused, is_closed) in [(of_queue, false), (DIRECTORY, false), (LOG, false), (4096, true)] {
        let mut log = queue.open().log;
        append(&mut log, &[event(1)]);
        let State::Written(directory, file) = &mut log.state else { panic!("there is no log") };
        directory.directory = moved(directory.directory.as_fd(), DIRECTORY);
        file.file = moved(file.file.as_fd(), LOG).into();
        assert_eq!((directory.directory.as_raw_fd() as u64, file.file.as_raw_fd() as u64), (DIRECTORY, LOG));
        let forbidden = sandbox::filter(&[(libc::SYS_fsync, 0, refused)], Errno::IO);
        assert_eq!(sandbox::run_under(forbidden, || log.close(&queue.reader)).is_ok(), is_closed, "{refused}");
        let is_marked = String::from_utf8_lossy(&fs::read(queue.log()).expect("read")).contains("\"closed\":true");
        assert_eq!(is_marked, is_closed, "{refused}");
        fs::remove_file(queue.log()).expect("removed");
    }
}
