//! Who may write to the directory, and who may not.

use std::fs::{self};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, mknodat};
use testkit::{Broadcaster, Finish as _, Process, QueueDir, has_root, until};

use crate::support::{BINARY, Client, broadcaster, broadcaster_command, command, numbers, producer};

const PHP: u32 = 54_001;
const BROADCASTER: u32 = 54_002;
const GROUP: u32 = 54_003;

#[test]
fn producer_and_broadcaster_may_be_different_users_of_one_group() {
    if !has_root("to be other users") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(PHP, GROUP);
    let mut broadcaster = broadcaster::run_by(BROADCASTER, GROUP, &queue, &[]);
    let mut client = Client::of(&broadcaster);
    // The producer's own group is another one: the set-group-id bit gives its entries to the directory's group.
    let mut php = producer::bounded(&producer::public_program(queue.root()), &queue.path(), 7, 100);
    // A user is in several groups; the directory's need not be the first.
    let mut php = Process::spawn(php.current_dir("/").uid(PHP).gid(PHP));
    for number in 0..100 {
        assert_eq!(numbers(&client.payload()), (7, number));
    }
    assert!(php.await_exit().success());
    until("all are acked", || queue.waiting() == 0);
    let lock = fs::metadata(queue.path().join(".lock")).unwrap();
    assert_eq!((lock.uid(), lock.gid()), (BROADCASTER, GROUP));
    broadcaster.stop();
}

#[test]
fn entries_are_for_owner_and_group_only() {
    let queue = QueueDir::new();
    let entry = queue.path().join(queue.enqueue(1).as_os_str());
    assert_eq!(fs::metadata(entry).unwrap().mode() & 0o7137, 0);
    assert_eq!(fs::metadata(queue.path()).unwrap().mode() & 0o7777, 0o2770);
}

#[test]
fn a_directory_that_every_user_can_write_to_is_refused() {
    let queue = QueueDir::new();
    for mode in [0o777, 0o1777, 0o2772, 0o703] {
        queue.set_mode(mode);
        let mut broadcaster = Broadcaster::spawn(broadcaster_command(&queue.path()));
        assert_eq!(broadcaster.await_exit().code(), Some(64), "{mode:o}");
        until("it says why", || !broadcaster.log_lines("is writable by every user").is_empty());
    }
}

#[test]
fn planted_links_are_put_aside_and_what_they_name_reaches_nobody() {
    let queue = QueueDir::new();
    let secret = queue.root().join("secret");
    fs::write(&secret, r#"{"event":"test","payload":"secret"}"#).unwrap();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    symlink(&secret, queue.path().join("1.json")).unwrap();
    symlink("/etc/passwd", queue.path().join("2.json")).unwrap();
    until("both are put aside", || queue.failed().len() == 4);
    queue.enqueue("\"only this\"");
    assert_eq!(client.payload(), "\"only this\"");
    let reason = fs::read_to_string(queue.path().join("failed/1.json.reason")).unwrap();
    assert_eq!(reason, "not a regular file\n");
    assert!(secret.exists());
    broadcaster.stop();
}

#[test]
fn a_link_in_place_of_the_lock_is_refused() {
    let queue = QueueDir::new();
    symlink(queue.root().join("elsewhere"), queue.path().join(".lock")).unwrap();
    assert_eq!(Broadcaster::spawn(broadcaster_command(&queue.path())).await_exit().code(), Some(64));
    assert!(!queue.root().join("elsewhere").exists());
}

#[test]
fn what_is_no_file_in_place_of_the_lock_is_refused_and_makes_nobody_wait() {
    for kind in [FileType::Fifo, FileType::Socket, FileType::Directory] {
        let queue = QueueDir::new();
        plant(kind, &queue.path());
        let mut refused = Broadcaster::spawn(broadcaster_command(&queue.path()));
        assert_eq!(refused.await_exit().code(), Some(64), "{kind:?}");
        until("it says why", || !refused.log_lines(".lock is not a regular file: delete it").is_empty());
        let mut doctor = command(BINARY);
        let doctor = doctor.args(["doctor", "--queue"]).arg(queue.path()).env("PHP", "/nowhere/php").finish();
        assert!(String::from_utf8(doctor.stdout).unwrap().contains(".lock is not a regular file"), "{kind:?}");
    }
}

#[test]
fn what_is_no_file_in_place_of_the_lock_of_another_queue_keeps_no_broadcaster_from_starting() {
    let queue = QueueDir::new();
    for kind in [FileType::Fifo, FileType::Socket, FileType::Directory] {
        let beside = queue.root().join(format!("{kind:?}"));
        queue::create_directory(&beside).unwrap();
        queue::Writer::new(&beside).enqueue(br#""test""#, b"1").unwrap();
        plant(kind, &beside);
    }
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    until("the others are logged", || broadcaster.log_lines("no broadcaster reads").len() == 3);
    broadcaster.stop();
}

/// Makes something else of the name of the lock file.
fn plant(kind: FileType, queue: &Path) {
    let lock = queue.join(".lock");
    if kind == FileType::Directory {
        fs::create_dir(lock).unwrap();
    } else {
        mknodat(CWD, lock, kind, 0o666.into(), 0).unwrap();
    }
}
