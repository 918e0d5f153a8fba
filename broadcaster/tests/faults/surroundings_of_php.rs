//! Producers in the surroundings that php-fpm is run in: a sandbox of systemd, a chroot, any umask.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use testkit::{Process, QueueDir, has_root, sandbox, until};

use crate::support::{Client, broadcaster, numbers, producer};

const PHP: u32 = 54_011;
const BROADCASTER: u32 = 54_012;
const GROUP: u32 = 54_013;
const COUNT: usize = 100;

fn spawn(mut command: Command, filter: Option<sandbox::BpfProgram>) -> Process {
    command.current_dir("/");
    match filter {
        Some(filter) => sandbox::run_under(filter, || Process::spawn(&mut command)),
        None => Process::spawn(&mut command),
    }
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Waits until the client has all that a producer queues, and nothing was put aside.
fn delivers_all(queue: &QueueDir, client: &mut Client, mut php: Process) {
    assert!(php.await_exit().success());
    until("all are acked or put aside", || queue.waiting() == 0);
    assert!(queue.failed().is_empty());
    for number in 0..COUNT {
        assert_eq!(numbers(&client.payload()), (1, number));
    }
}

/// Lets a producer of another user queue events from within a chroot, and a broadcaster deliver them.
fn delivers_from_a_chroot(filter: Option<sandbox::BpfProgram>) {
    let queue = QueueDir::new();
    queue.give_to(PHP, GROUP);
    let mut broadcaster = broadcaster::run_by(BROADCASTER, GROUP, &queue, &[]);
    let mut client = Client::of(&broadcaster);
    let mut command = producer::bounded(Path::new("/proc/self/exe"), Path::new("/queue"), 1, COUNT);
    producer::within_root(&mut command, queue.root());
    delivers_all(&queue, &mut client, spawn(command, filter));
    let temporary = queue.names().into_iter().find(|name| name.starts_with(".tmp-"));
    assert_eq!(temporary, None);
    broadcaster.stop();
}

#[test]
fn events_come_out_of_a_chroot_without_proc() {
    if has_root("to change the root directory") {
        delivers_from_a_chroot(None);
    }
}

#[test]
fn events_come_out_of_a_chroot_without_proc_on_kernels_before_6_10() {
    if has_root("to change the root directory") {
        delivers_from_a_chroot(Some(sandbox::without_naming_by_descriptor()));
    }
}

#[test]
fn events_come_out_of_a_chroot_on_file_systems_with_nothing_but_rename() {
    if has_root("to change the root directory") {
        delivers_from_a_chroot(Some(sandbox::with_plain_rename_only()));
    }
}

#[test]
fn a_queue_is_created_where_the_set_group_id_bit_is_forbidden() {
    for umask in [0o022, 0o077] {
        let queue = QueueDir::new();
        let path = queue.root().join("a/b/queue");
        let mut command = producer::bounded(&std::env::current_exe().unwrap(), &path, 1, 1);
        producer::with_umask(&mut command, umask);
        assert!(spawn(command, Some(sandbox::without_setgid())).await_exit().success(), "umask {umask:o}");
        assert_eq!(mode(&path), 0o770, "umask {umask:o}");
        assert_eq!(mode(path.parent().unwrap()), 0o755, "umask {umask:o}");
    }
}

#[test]
fn a_queue_that_is_created_inherits_the_set_group_id_bit_where_setting_it_is_forbidden() {
    if !has_root("to give a directory to another group") {
        return;
    }
    let queue = QueueDir::new();
    let above = queue.root().join("above");
    fs::create_dir(&above).unwrap();
    chown(&above, None, Some(GROUP)).unwrap();
    fs::set_permissions(&above, Permissions::from_mode(0o2775)).unwrap();
    let path = above.join("queue");
    let mut command = producer::bounded(&std::env::current_exe().unwrap(), &path, 1, 1);
    producer::with_umask(&mut command, 0o007);
    assert!(spawn(command, Some(sandbox::without_setgid())).await_exit().success());
    assert_eq!((mode(&path), fs::metadata(&path).unwrap().gid()), (0o2770, GROUP));
}

#[test]
fn neither_entries_nor_directories_depend_on_the_umask() {
    for umask in [0o000, 0o022, 0o077, 0o777] {
        let queue = QueueDir::new();
        let path = queue.root().join("a/b/queue");
        let mut command = producer::bounded(&std::env::current_exe().unwrap(), &path, 1, 3);
        producer::with_umask(&mut command, umask);
        assert!(spawn(command, None).await_exit().success(), "umask {umask:o}");
        assert_eq!([mode(queue.root().join("a")), mode(queue.root().join("a/b"))], [0o755, 0o755], "umask {umask:o}");
        assert_eq!(mode(&path), 0o2770, "umask {umask:o}");
        for entry in fs::read_dir(&path).unwrap() {
            assert_eq!(mode(entry.unwrap().path()), 0o640, "umask {umask:o}");
        }
    }
}

#[test]
fn a_broadcaster_of_another_user_reads_what_php_queues_with_a_umask_of_077() {
    if !has_root("to be other users") {
        return;
    }
    for filter in [None, Some(sandbox::with_plain_rename_only())] {
        let queue = QueueDir::new();
        queue.give_to(PHP, GROUP);
        let mut broadcaster = broadcaster::run_by(BROADCASTER, GROUP, &queue, &[]);
        let mut client = Client::of(&broadcaster);
        let mut command = producer::bounded(&producer::public_program(queue.root()), &queue.path(), 1, COUNT);
        producer::with_umask(&mut command, 0o077);
        command.uid(PHP).gid(PHP);
        delivers_all(&queue, &mut client, spawn(command, filter));
        broadcaster.stop();
    }
}
