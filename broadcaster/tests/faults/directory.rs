//! What may happen to the directory itself, and to single files in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, has_root, make_old, skipped, until};
use tungstenite::Message;

use crate::support::{Client, broadcaster, broadcaster_command};

#[test]
fn a_deleted_directory_is_logged_once_and_read_again_when_it_is_back() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    for round in 1..=3 {
        fs::remove_dir_all(queue.path()).unwrap();
        until("it notices", || broadcaster.log_lines("queue directory is gone").len() == round);
        broadcaster.assert_idle();
        // The first producer that comes makes the directory again.
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
        until("it says that it is back", || broadcaster.log_lines("reading the new one").len() == round);
    }
    assert_eq!(broadcaster.log_lines("queue directory is gone").len(), 3);
    broadcaster.stop();
}

#[test]
fn each_new_reason_for_which_the_directory_is_not_read_is_logged_once() {
    let queue = QueueDir::new();
    let path = queue.path();
    let mut broadcaster = broadcaster::start(&path);
    let mut client = Client::of(&broadcaster);
    let lines = || -> Vec<String> {
        let lines = broadcaster.log_lines("queue directory ").into_iter();
        lines.filter(|line| line.contains("trying again")).collect()
    };
    let mut awaited = Vec::new();
    let mut await_reason = |reason: &'static str| {
        awaited.push(reason);
        until(reason, || lines().len() >= awaited.len());
        broadcaster.assert_idle();
        let lines = lines();
        assert_eq!(lines.len(), awaited.len(), "{lines:#?}");
        for (line, reason) in lines.iter().zip(&awaited) {
            assert!(line.contains(reason), "{reason}: {lines:#?}");
        }
    };
    fs::remove_dir_all(&path).unwrap();
    await_reason("does not exist");
    // Nothing may be read before the mode is set, so it gets its name then.
    let new = queue.root().join("new");
    fs::create_dir(&new).unwrap();
    fs::set_permissions(&new, Permissions::from_mode(0o2777)).unwrap();
    fs::rename(&new, &path).unwrap();
    await_reason("is writable by every user");
    fs::write(&new, "").unwrap();
    renameat_with(CWD, &new, CWD, &path, RenameFlags::EXCHANGE).unwrap();
    await_reason("is not a directory");
    fs::remove_dir(&new).unwrap();
    symlink(queue.root().join("nowhere"), &new).unwrap();
    fs::rename(&new, &path).unwrap();
    await_reason("does not exist");
    fs::remove_file(&path).unwrap();
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.await_log("queue works again");
    broadcaster.stop();
}

#[test]
fn a_broadcaster_whose_new_directory_another_one_owns_sends_its_clients_there() {
    let queue = QueueDir::new();
    let mut first = broadcaster::start(&queue.path());
    let mut client = Client::of(&first);
    // A second one that has the directory's successor before the first has noticed.
    let new = queue.root().join("new");
    queue::create_directory(&new).unwrap();
    let mut second = broadcaster::start(&new);
    fs::rename(queue.path(), queue.root().join("old")).unwrap();
    fs::rename(&new, queue.path()).unwrap();
    // Clients of the first would never hear anything again.
    assert_eq!(client.close_code(), 1001);
    assert_eq!(first.await_exit().code(), Some(1));
    until("it says why", || first.log_lines("in use by another broadcaster").len() == 1);
    second.kill();
}

#[test]
fn a_file_that_may_not_be_read_holds_up_no_other_and_is_put_aside() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(54_321, 54_321);
    let mut broadcaster = broadcaster::run_by(54_321, 54_321, &queue, &["--entry-grace-secs", "2"]);
    let mut client = Client::of(&broadcaster);
    let secret = queue.root().join("1.json");
    fs::write(&secret, r#"{"event":"test","payload":"secret"}"#).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    fs::rename(secret, queue.path().join("1.json")).unwrap();
    for number in 0..10 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    until("it is put aside", || queue.failed() == ["1.json", "1.json.reason"]);
    let reason = fs::read_to_string(queue.path().join("failed/1.json.reason")).unwrap();
    assert!(reason.contains("Permission denied"), "{reason}");
    broadcaster.stop();
}

#[test]
fn an_entry_that_cannot_be_deleted_holds_up_no_other_and_is_sent_once() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let chattr = |flag: &str, path: &Path| {
        let done = std::process::Command::new("chattr").arg(flag).arg(path).status();
        done.is_ok_and(|status| status.success())
    };
    broadcaster.signal(Signal::STOP);
    let stuck = queue.write("1.json", r#"{"event":"test","payload":"stuck"}"#);
    // Not every file system has the attribute, and not every user may set it.
    let is_stuck = chattr("+i", &stuck);
    broadcaster.signal(Signal::CONT);
    if !is_stuck {
        return skipped("needs root and a file system with chattr +i");
    }
    assert_eq!(client.payload(), "\"stuck\"");
    broadcaster.await_log("cannot delete a delivered entry");
    for number in 0..100 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    until("the others are deleted", || queue.waiting() == 1);
    assert!(chattr("-i", &stuck));
    until("it is deleted in the end", || queue.waiting() == 0);
    queue.enqueue("\"last\"");
    assert_eq!(client.payload(), "\"last\"");
    assert_eq!(broadcaster.log_lines("cannot delete a delivered entry").len(), 1);
    broadcaster.stop();
}

#[test]
fn old_temporary_files_are_swept_and_young_ones_are_left_to_their_writer() {
    let queue = QueueDir::new();
    let old = queue.write(".tmp-old.json", "half");
    let young = queue.write(".tmp-young.json", "half");
    make_old(&old, Duration::from_secs(3600));
    let mut broadcaster = broadcaster::start(&queue.path());
    until("the old one is swept", || !old.exists());
    assert!(young.exists());
    broadcaster.stop();
}

#[test]
fn a_directory_that_is_moved_away_is_left_as_it_is() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let inode = fs::metadata(queue.path()).unwrap().ino();
    let away = queue.root().join("away");
    fs::rename(queue.path(), &away).unwrap();
    queue.enqueue(1);
    assert!(matches!(client.next(), Ok(Message::Text(_))));
    assert_eq!(fs::metadata(away).unwrap().ino(), inode);
    broadcaster.stop();
}

#[test]
fn a_directory_that_is_a_file_is_refused() {
    let queue = QueueDir::new();
    assert_eq!(Broadcaster::spawn(broadcaster_command(&queue.write("file", ""))).await_exit().code(), Some(64));
}
