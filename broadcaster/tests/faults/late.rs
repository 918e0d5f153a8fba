//! What is not there yet when the broadcaster starts, and comes later: the directory, rights, room, the address.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, has_root, until};

use crate::support::systemd::Reports;
use crate::support::{BINARY, Client, arguments, broadcaster, broadcaster_command, command, command_on, public_binary};

const WAITING: &str = "the queue directory cannot be used yet";

/// Waits until it says once that it waits, and why.
fn waiting(command: Command, cause: &str) -> Broadcaster {
    let mut broadcaster = Broadcaster::spawn(command);
    broadcaster.await_log(WAITING);
    let logged = broadcaster.log_lines(WAITING);
    assert!(logged.len() == 1 && logged[0].contains(cause), "{logged:?}");
    broadcaster
}

/// It serves, and has logged the problem once.
fn serves(broadcaster: Broadcaster, queue: &QueueDir) {
    let mut broadcaster = broadcaster.listening();
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    assert_eq!(broadcaster.log_lines(WAITING).len(), 1);
    broadcaster.stop();
}

#[test]
fn a_directory_that_is_mounted_late_is_waited_for() {
    let queue = QueueDir::new();
    fs::remove_dir(queue.path()).unwrap();
    let broadcaster = waiting(broadcaster_command(&queue.path()), "does not exist");
    broadcaster.assert_idle();
    assert!(!queue.path().exists(), "a broadcaster makes no directory");
    queue::create_directory(&queue.path()).unwrap();
    serves(broadcaster, &queue);
}

#[test]
fn one_that_waits_for_its_directory_stops_by_a_signal() {
    let queue = QueueDir::new();
    let mut broadcaster = waiting(broadcaster_command(&queue.path().join("missing")), "does not exist");
    broadcaster.stop();
}

#[test]
fn a_file_system_that_is_read_only_at_the_start_is_waited_for() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("1m");
    queue.remount("ro");
    let broadcaster = waiting(broadcaster_command(&queue.path()), "Read-only file system");
    queue.remount("rw");
    serves(broadcaster, &queue);
}

#[test]
fn a_file_system_without_a_free_inode_at_the_start_is_waited_for() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("1m,nr_inodes=8");
    let mut fillers = Vec::new();
    while let Ok(filler) = fs::File::create(queue.root().join(format!("filler-{}", fillers.len()))) {
        fillers.push(filler);
    }
    let broadcaster = waiting(broadcaster_command(&queue.path()), "No space left on device");
    (0..fillers.len()).for_each(|number| fs::remove_file(queue.root().join(format!("filler-{number}"))).unwrap());
    drop(fillers);
    serves(broadcaster, &queue);
}

#[test]
fn rights_that_are_given_late_are_waited_for() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    const USER: u32 = 54_340;
    let queue = QueueDir::new();
    let mut binary = command(public_binary(&queue));
    binary.args(arguments(&queue.path())).uid(USER).gid(USER);
    let broadcaster = waiting(binary, "Permission denied");
    queue.give_to(USER, USER);
    serves(broadcaster, &queue);
}

#[test]
fn a_lock_file_of_another_user_is_waited_for_until_somebody_removes_it() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    const USER: u32 = 54_341;
    let queue = QueueDir::new();
    queue.give_to(USER, USER);
    let lock = queue.write(".lock", "");
    fs::set_permissions(&lock, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut binary = command(public_binary(&queue));
    binary.args(arguments(&queue.path())).uid(USER).gid(USER);
    let broadcaster = waiting(binary, ".lock: Permission denied");
    fs::remove_file(lock).unwrap();
    serves(broadcaster, &queue);
}

#[test]
fn the_service_manager_is_notified_what_is_waited_for_and_given_more_time() {
    let (queue, reports) = (QueueDir::new(), Reports::new());
    fs::remove_dir(queue.path()).unwrap();
    let broadcaster = Broadcaster::spawn(reports.command_of(Path::new(BINARY), &queue.path(), 100_000));
    for _ in 0..2 {
        let report = reports.next();
        assert!(report.starts_with("STATUS=waiting for the queue directory: "), "{report}");
        assert!(
            report.contains("does not exist (create it, for example: install -d ")
                && report.contains(")\nEXTEND_TIMEOUT_USEC=30000000\n")
                && !report.contains("READY"),
            "{report}"
        );
    }
    queue::create_directory(&queue.path()).unwrap();
    let mut broadcaster = broadcaster.listening();
    let ready = std::iter::repeat_with(|| reports.next()).find(|report| !report.contains("waiting")).unwrap();
    assert_eq!(ready, "READY=1\nSTATUS=serving\n");
    broadcaster.stop();
}

#[test]
fn an_address_that_is_let_go_of_in_a_moment_is_waited_for() {
    let queue = QueueDir::new();
    let leaving = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = leaving.local_addr().unwrap();
    let mut broadcaster = Broadcaster::spawn(command_on(&queue.path(), address));
    broadcaster.await_log("waiting for up to 5 s");
    drop(leaving);
    let mut broadcaster = broadcaster.listening();
    let mut client = Client::connect(address);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    assert_eq!(broadcaster.log_lines("waiting for up to 5 s").len(), 1);
    broadcaster.stop();
}

#[test]
fn an_address_that_another_program_keeps_is_an_error_in_the_end_and_the_queue_is_free_meanwhile() {
    let queue = QueueDir::new();
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = foreign.local_addr().unwrap();
    let mut refused = Broadcaster::spawn(command_on(&queue.path(), address));
    refused.await_log("waiting for up to 5 s");
    // One that has an address of its own is not kept from the queue.
    let mut other = broadcaster::start(&queue.path());
    other.stop();
    assert_eq!(refused.await_exit().code(), Some(1));
    until("it says why", || !refused.log_lines("fastapi-broadcaster: cannot listen on").is_empty());
    let logged = refused.log_lines("fastapi-broadcaster: cannot listen on").remove(0);
    assert!(
        logged.contains(&address.to_string()) && logged.contains("in use") && logged.contains("--listen"),
        "{logged}"
    );
}

#[test]
fn a_directory_that_becomes_unusable_while_the_address_is_waited_for_is_reported_as_such() {
    use std::os::unix::fs::PermissionsExt;

    let queue = QueueDir::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut refused = Broadcaster::spawn(command_on(&queue.path(), other.local_addr().unwrap()));
    refused.await_log("waiting for up to 5 s");
    fs::set_permissions(queue.path(), fs::Permissions::from_mode(0o2777)).unwrap();
    assert_eq!(refused.await_exit().code(), Some(64));
    until("it says why", || !refused.log_lines("writable by every user").is_empty());
    assert!(refused.log_lines("another program listens there").is_empty());
}

#[test]
fn a_broadcaster_that_is_started_right_after_the_signal_to_the_old_one_serves() {
    let queue = QueueDir::new();
    let mut old = broadcaster::start(&queue.path());
    let address = old.address();
    for round in 0..20 {
        let mut client = Client::connect(address);
        old.signal(Signal::TERM);
        let new = Broadcaster::spawn(command_on(&queue.path(), address));
        assert_eq!(client.close_code(), 1001);
        assert!(old.await_exit().success());
        old = new.listening();
        let mut client = Client::connect(address);
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
    }
    old.stop();
}

#[test]
fn a_relative_queue_is_found_again_when_the_working_directory_was_deleted_and_made_again() {
    let place = QueueDir::new();
    let working = place.root().join("release");
    let queue = working.join("events");
    queue::create_directory(&queue).unwrap();
    let mut binary = broadcaster_command(Path::new("events"));
    binary.current_dir(&working);
    let mut broadcaster = Broadcaster::spawn(binary).listening();
    let mut client = Client::of(&broadcaster);
    fs::remove_dir_all(&working).unwrap();
    broadcaster.await_log("queue directory is gone");
    queue::Writer::new(&queue).enqueue(br#""test""#, b"1").unwrap();
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
}
