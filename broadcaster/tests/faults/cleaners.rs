//! What cleans up a queue directory deletes the lock file. One broadcaster owns the directory all the same, also beside
//! builds that know no other lock: `as_an_older_version_does` does what they do.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, free_address, skipped, until};
use tokio_util::sync::CancellationToken;

use crate::support::{Client, broadcaster, command, command_on, standby};

const MADE_AGAIN: &str = "the lock file was deleted or replaced, created again";

/// Locks the lock file, and no other. None if another process has it.
fn as_an_older_version_does(queue: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = rustix::fs::open(queue.join(".lock"), flags, Mode::from_raw_mode(0o640)).unwrap();
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(file.into()),
        Err(Errno::WOULDBLOCK) => None,
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn a_lock_file_that_is_deleted_or_replaced_is_locked_again() {
    let queue = QueueDir::new();
    let lock = queue.path().join(".lock");
    // Its timer alone would let it look once in an hour.
    let mut broadcaster = broadcaster::with(&queue.path(), &["--scan-interval-secs", "3600"]);
    let mut client = Client::of(&broadcaster);
    let deletions: [&dyn Fn(); 4] = [
        &|| fs::remove_file(&lock).unwrap(),
        &|| fs::rename(&lock, queue.root().join("moved")).unwrap(),
        &|| fs::rename(queue.write("other", ""), &lock).unwrap(),
        &|| fs::remove_file(&lock).unwrap(),
    ];
    for (round, delete) in deletions.iter().enumerate() {
        delete();
        until("it says so", || broadcaster.log_lines(MADE_AGAIN).len() == round + 1);
        assert!(lock.exists() && as_an_older_version_does(&queue.path()).is_none());
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
    }
    broadcaster.stop();
}

#[test]
fn the_whole_directory_can_be_deleted_while_it_is_owned() {
    let queue = QueueDir::new();
    let history = queue.root().join("history");
    let mut broadcaster = broadcaster::with(&queue.path(), &["--history-dir", history.to_str().unwrap()]);
    let mut client = Client::of(&broadcaster);
    for round in 1..=10 {
        // Its last step would fail if the lock file were made again between the steps.
        for file in fs::read_dir(queue.path()).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.unwrap();
        }
        // The broadcaster has been woken by the one and the other, and has had the time to do something.
        queue.enqueue(-round);
        assert_eq!(client.payload(), (-round).to_string());
        until("it is acked", || queue.waiting() == 0);
        fs::remove_dir(queue.path()).unwrap();
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
        until("it is acked", || queue.waiting() == 0);
    }
    broadcaster.stop();
}

#[test]
fn a_frozen_owner_stays_the_owner_without_its_lock_file() {
    let (queue, address) = (QueueDir::new(), free_address());
    let mut owner = Broadcaster::spawn(command_on(&queue.path(), address)).listening();
    let mut client = Client::connect(address);
    let waiting = standby(command_on(&queue.path(), address));
    owner.signal(Signal::STOP);
    fs::remove_file(queue.path().join(".lock")).unwrap();
    assert!(queue::Reader::is_owned(&queue.path()));
    let refused = queue::Reader::open(queue.path(), queue::ReaderOptions::default());
    assert!(matches!(refused, Err(queue::OpenError::Locked(_))), "{refused:?}");
    queue.enqueue(1);
    owner.signal(Signal::CONT);
    assert_eq!(client.payload(), "1");
    until("it is locked again", || !owner.log_lines(MADE_AGAIN).is_empty());
    assert!(waiting.log_lines("listening").is_empty());
    owner.kill();
    waiting.listening().stop();
}

#[test]
fn an_owner_whose_lock_file_an_older_version_has_taken_ends_and_says_why() {
    let queue = QueueDir::new();
    let mut owner = broadcaster::start(&queue.path());
    let mut client = Client::of(&owner);
    owner.signal(Signal::STOP);
    fs::remove_file(queue.path().join(".lock")).unwrap();
    let older = as_an_older_version_does(&queue.path()).expect("a new lock file");
    owner.signal(Signal::CONT);
    assert_eq!(client.close_code(), 1001);
    assert_eq!(owner.await_exit().code(), Some(1));
    until("it says why", || {
        !owner
            .log_lines(".lock was deleted or replaced, and an older version of the broadcaster has locked it")
            .is_empty()
    });
    drop(older);
}

#[test]
fn older_versions_and_this_one_wait_for_each_other() {
    let (queue, address) = (QueueDir::new(), free_address());
    let older = as_an_older_version_does(&queue.path()).expect("a new lock file");
    let waiting = standby(command_on(&queue.path(), address));
    assert!(waiting.log_lines("listening").is_empty());
    drop(older);
    let mut owner = waiting.listening();
    assert!(as_an_older_version_does(&queue.path()).is_none());
    owner.stop();
    assert!(as_an_older_version_does(&queue.path()).is_some());
}

/// Runs `clean` again and again while events are queued, and expects that the clients of one broadcaster get all of
/// them.
fn one_owner_while(queue: &QueueDir, clean: impl Fn() + Sync) {
    const EVENTS: usize = 400;
    let address = free_address();
    let mut owner = Broadcaster::spawn(command_on(&queue.path(), address)).listening();
    let mut waiting = standby(command_on(&queue.path(), address));
    let mut client = Client::connect(address);
    let stop = CancellationToken::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_cancelled() {
                clean();
            }
        });
        // Also when the test fails here.
        let _stop = stop.clone().drop_guard();
        for number in 0..EVENTS {
            queue.enqueue(number);
            assert_eq!(client.payload(), number.to_string());
        }
    });
    assert!(!waiting.has_exited() && waiting.log_lines("listening").is_empty());
    until("the lock file is made again", || !owner.log_lines(MADE_AGAIN).is_empty());
    owner.stop();
    waiting.listening().stop();
}

#[test]
fn a_cleaner_of_old_files_divides_no_events_between_two() {
    let queue = QueueDir::new();
    one_owner_while(&queue, || {
        let mut find = Command::new("find");
        find.arg(queue.path()).args(["-name", ".*", "-type", "f", "-delete"]);
        // It fails for a file that was deleted meanwhile.
        let _ = find.stderr(std::process::Stdio::null()).status().unwrap();
    });
}

#[test]
fn git_clean_of_the_project_around_divides_no_events_between_two() {
    let queue = QueueDir::new();
    let git = |arguments: &[&str]| {
        let mut git = command("git");
        git.current_dir(queue.root()).env("HOME", queue.root()).args(arguments);
        git.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status()
    };
    if !git(&["init"]).is_ok_and(|status| status.success()) {
        return skipped("no git");
    }
    // What is tracked stays, so the directory does; events are excluded, as a user who has them there would do.
    fs::write(queue.path().join(".gitignore"), "").unwrap();
    assert!(git(&["add", "-f", "queue/.gitignore"]).unwrap().success());
    one_owner_while(&queue, || assert!(git(&["clean", "-fdx", "-e", "*.json"]).unwrap().code().is_some()));
}
