//! What `GET /healthz` says while something is broken.

use std::fs;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use testkit::{Broadcaster, Finish as _, QueueDir, has_root, until};

use crate::support::{BINARY, broadcaster, command, health};

const USER: u32 = 54_323;

fn assert_healthy(broadcaster: &Broadcaster) {
    assert_eq!(health(broadcaster.address()), (200, "ok\n".to_owned()));
}

/// Waits for a 503 that says why, which must stay.
fn await_unhealthy(broadcaster: &Broadcaster, text: &str) {
    let is_unhealthy = || {
        let (status, reason) = health(broadcaster.address());
        assert!(status == 200 || status == 503 && reason.contains(text), "{status} {reason}");
        status == 503
    };
    until(text, is_unhealthy);
    broadcaster.assert_idle();
    assert!(is_unhealthy(), "it is healthy by itself");
}

fn await_healthy(broadcaster: &Broadcaster) {
    until("it is healthy again", || health(broadcaster.address()).0 == 200);
}

/// A thread of a child that stands still until this is dropped: what a disk or a kernel that hangs would do to it.
struct Stopped(Pid);

impl Stopped {
    fn thread(broadcaster: &Broadcaster, name: &str) -> Stopped {
        let tasks = format!("/proc/{}/task", broadcaster.pid());
        let is_it = |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap().trim() == name;
        let task = fs::read_dir(tasks).unwrap().map(Result::unwrap).find(is_it).unwrap();
        let thread = Pid::from_raw(task.file_name().to_str().unwrap().parse().unwrap());
        ptrace::seize(thread, ptrace::Options::empty()).unwrap();
        ptrace::interrupt(thread).unwrap();
        waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        Stopped(thread)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = ptrace::detach(self.0, None);
    }
}

#[test]
fn a_directory_that_may_not_be_read_is_reported() {
    if !has_root("to run the broadcaster as another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(USER, USER);
    let mut broadcaster = broadcaster::run_by(USER, USER, &queue, &[]);
    assert_healthy(&broadcaster);
    for mode in [0o2000, 0o2300] {
        queue.set_mode(mode);
        await_unhealthy(&broadcaster, "cannot be read");
        queue.set_mode(0o2770);
        await_healthy(&broadcaster);
    }
    broadcaster.stop();
}

#[test]
fn a_directory_that_is_gone_is_reported() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    assert_healthy(&broadcaster);
    for round in 0..2 {
        fs::remove_dir_all(queue.path()).unwrap();
        await_unhealthy(&broadcaster, "cannot be read");
        let address = broadcaster.address().to_string();
        let doctor =
            command(BINARY).args(["doctor", "--queue"]).arg(queue.path()).args(["--listen", &address]).finish();
        let report = String::from_utf8(doctor.stdout).unwrap();
        assert!(
            report.contains(&format!("the broadcaster on {address} is not healthy: the queue directory")),
            "{report}"
        );
        queue.enqueue(round);
        await_healthy(&broadcaster);
    }
    broadcaster.stop();
}

#[test]
fn a_source_that_is_stuck_is_reported() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    assert_healthy(&broadcaster);
    let stopped = Stopped::thread(&broadcaster, "source");
    await_unhealthy(&broadcaster, "source is stuck");
    drop(stopped);
    await_healthy(&broadcaster);
    broadcaster.stop();
}

#[test]
fn one_thread_of_the_hub_that_is_stuck_is_reported() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--hub-threads", "3"]);
    assert_healthy(&broadcaster);
    let stopped = Stopped::thread(&broadcaster, "hub");
    await_unhealthy(&broadcaster, "hub does not answer");
    drop(stopped);
    await_healthy(&broadcaster);
    broadcaster.stop();
}
