//! Rights that are taken away from the broadcaster while it runs, and given back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testkit::{QueueDir, has_root, until};

use crate::support::{Client, broadcaster};

const USER: u32 = 54_322;

#[test]
fn a_directory_whose_rights_are_taken_away_is_drained_when_they_are_back() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(USER, USER);
    let mut broadcaster = broadcaster::run_by(USER, USER, &queue, &[]);
    let mut client = Client::of(&broadcaster);
    queue.enqueue(0);
    assert_eq!(client.payload(), "0");
    until("it is acked", || queue.waiting() == 0);

    let mut next = 1;
    for (round, mode) in [(1, 0o2000), (2, 0o2300), (3, 0o2000)] {
        queue.set_mode(mode);
        (next..next + 10).for_each(|number| drop(queue.enqueue(number)));
        until("it says so", || broadcaster.log_lines("cannot read the queue").len() == round);
        broadcaster.assert_idle();
        assert_eq!(broadcaster.log_lines("cannot read the queue").len(), round, "once each time");
        queue.set_mode(0o2770);
        for number in next..next + 10 {
            assert_eq!(client.payload(), number.to_string());
        }
        // It may have read them by name, and not have seen yet that it may list the directory again.
        until("it says that too", || broadcaster.log_lines("queue works again").len() == round);
        next += 10;
    }
    until("all are acked", || queue.waiting() == 0);
    broadcaster.stop();
}

#[test]
fn entries_that_may_be_read_but_not_deleted_are_sent_once_and_deleted_when_they_may_be() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(USER, USER);
    let mut broadcaster = broadcaster::run_by(USER, USER, &queue, &[]);
    let mut client = Client::of(&broadcaster);
    queue.set_mode(0o2550);
    // New ones come all the while: nobody may be held up by what cannot be deleted.
    for number in 0..300 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    broadcaster.await_log("cannot delete a delivered entry");
    assert_eq!(queue.waiting(), 300);
    broadcaster.assert_idle();
    queue.set_mode(0o2770);
    until("all are acked", || queue.waiting() == 0);
    queue.enqueue(300);
    assert_eq!(client.payload(), "300", "and nothing came twice");
    assert_eq!(broadcaster.log_lines("cannot delete a delivered entry").len(), 1);
    broadcaster.stop();
}

#[test]
fn an_event_that_may_not_be_read_is_delivered_when_it_may_be() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(USER, USER);
    let mut broadcaster = broadcaster::run_by(USER, USER, &queue, &["--entry-grace-secs", "0.1"]);
    let mut client = Client::of(&broadcaster);
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let draft = queue.write("order-17.draft", r#"{"event":"test","payload":17}"#);
    set_mode(&draft, 0o600);
    let entry = draft.with_extension("json");
    fs::rename(&draft, &entry).unwrap();
    broadcaster.await_log("holds a file that cannot be read");
    queue.enqueue(18);
    assert_eq!(client.payload(), "18", "others are not held up");
    assert!(broadcaster.log_lines("are no events").is_empty());
    set_mode(&entry, 0o644);
    assert_eq!(client.payload(), "17");
    broadcaster.stop();
}
