//! A file system without room.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use testkit::{QueueDir, has_root, until};

use super::*;

/// A queue on a small file system. None: this user cannot have one.
fn small(size: &str) -> Option<Queue> {
    has_root("to mount a file system").then(|| Queue::of(QueueDir::mounted(size)))
}

impl Queue {
    /// Takes all the room that is left but for some bytes.
    fn fill(&self, left: usize) -> PathBuf {
        let path = self.directory.root().join("filler");
        let mut file = File::create(&path).expect("created");
        while file.write_all(&[0; 4096]).is_ok() {}
        let size = file.metadata().expect("there").len();
        file.set_len(size.saturating_sub(left as u64)).expect("cut");
        path
    }
}

#[test]
fn the_run_goes_on_without_a_log_when_the_disk_is_full_and_with_one_when_there_is_room() {
    let Some(queue) = small("512k") else { return };
    let mut opened = queue.open();
    let filler = queue.fill(40_000);
    let payload: Box<str> = format!("\"{}\"", "x".repeat(9_000)).into();
    let event = |seq| Kept { payload_json: payload.clone(), ..event(seq) };
    let mut sent = Vec::new();
    while opened.log.is_written() {
        sent.extend(append(&mut opened.log, &[event(sent.len() as u64 + 1)]));
    }
    assert!((2..=6).contains(&sent.len()), "{}", sent.len());
    assert!(queue.files().is_empty());
    queue.fill(0);
    let with_times = |sent: &[Kept]| sent.iter().map(|event| (event.at, event.clone())).collect::<Vec<_>>();
    let renew = |log: &mut HistoryLog, sent: &[Kept]| {
        log.renew(opened.trimmed, with_times(sent).iter().map(|(at, event)| (*at, event.logged())))
    };
    assert!(!renew(&mut opened.log, &sent));
    assert!(queue.files().is_empty(), "what could not be completed is deleted");
    sent.extend(append(&mut opened.log, &[event(sent.len() as u64 + 1)]));
    fs::remove_file(filler).expect("removed");
    until("there is room", || renew(&mut opened.log, &sent));
    drop(opened.log);
    let next = queue.open();
    assert_eq!((next.anew, next.epoch), (None, opened.epoch));
    assert_eq!(next.kept, sent);
}

#[test]
fn a_short_write_is_a_failed_one() {
    let Some(queue) = small("512k") else { return };
    let mut log = queue.open().log;
    append(&mut log, &[event(1)]);
    queue.fill(20_000);
    let before = fs::read(queue.log()).expect("read");
    let link = queue.directory.root().join("link");
    fs::hard_link(queue.log(), &link).expect("linked");
    append(&mut log, &[Kept { payload_json: format!("\"{}\"", "x".repeat(50_000)).into(), ..event(2) }]);
    let after = fs::read(link).expect("read");
    assert!(after.len() > before.len() && after.len() < before.len() + 50_000, "{}", after.len());
    assert!(!log.is_written() && queue.files().is_empty());
}

#[test]
fn a_start_on_a_full_disk_sends_without_a_log_and_later_with_one() {
    for (size, is_used) in [("256k", false), ("256k", true), ("1m,nr_inodes=7", false), ("1m,nr_inodes=9", true)] {
        let Some(queue) = small(size) else { return };
        if is_used {
            killed_after(&queue, 2);
        }
        let inodes = (0..9).map(|number| queue.directory.root().join(format!("inode-{number}")));
        let inodes: Vec<PathBuf> =
            inodes.take_while(|path| size.contains("inodes") && File::create(path).is_ok()).collect();
        let filler = (!size.contains("inodes")).then(|| queue.fill(0));
        let mut opened = queue.open_in(NEXT_BOOT);
        assert!(opened.anew.is_some() && !opened.log.is_written(), "{size} {is_used}");
        assert!(opened.log.needs_renewal(Instant::now()));
        let sent = append(&mut opened.log, &[event(1)]);
        let renew =
            |log: &mut HistoryLog| log.renew(opened.trimmed, sent.iter().map(|event| (event.at, event.logged())));
        // A `.reader` that was deleted leaves its inode, and then the log that is replaced leaves another one. They are
        // free when no process that another test starts has a copy of their descriptors.
        if is_used && size.contains("inodes") {
            until("there are inodes", || renew(&mut opened.log));
        } else {
            assert!(!renew(&mut opened.log), "{size} {is_used}");
        }
        // Nothing that is there is taken for complete.
        let announced = Announcement::read(queue.reader.directory()).map(|announcement| announcement.epoch);
        assert!(announced.is_none() || announced == Some(opened.epoch), "{size} {is_used}");
        inodes.iter().chain(&filler).for_each(|path| fs::remove_file(path).expect("removed"));
        until("there is room", || renew(&mut opened.log));
        drop(opened.log);
        let next = queue.open_in(NEXT_BOOT);
        assert_eq!((next.anew, next.epoch, next.kept), (None, opened.epoch, sent), "{size} {is_used}");
    }
}

#[test]
fn a_read_only_file_system_is_an_error_that_may_pass() {
    let Some(queue) = small("256k") else { return };
    queue.directory.remount("ro");
    let error = queue.try_open_in(BOOT).expect_err("nothing can be written");
    assert!(error.is_passing(), "{error}");
    assert!(error.to_string().contains("Read-only"), "{error}");
    queue.directory.remount("rw");
    assert!(queue.open().log.is_written());
    assert!(fs::File::open(queue.log()).is_ok_and(|file| file.metadata().is_ok_and(|metadata| metadata.len() == 4096)));
    assert_eq!(fs::remove_file(queue.history().join("log.new")).expect_err("gone").kind(), ErrorKind::NotFound);
}
