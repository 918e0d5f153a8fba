//! Signals beside SIGTERM and SIGINT, also to the first process of a container, which none reaches that it does not
//! wait for.

use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Broadcaster, QueueDir, skipped, until};

use crate::support::{
    BINARY, Client, GRACE, arguments, broadcaster, broadcaster_command, command, shake_hands, standby,
};

/// None of them ends it. The first has it read its settings again.
const HARMLESS: [Signal; 3] = [Signal::HUP, Signal::USR1, Signal::USR2];

/// Sends it every signal that does not end it, then SIGQUIT.
fn goes_through_all(broadcaster: &mut Broadcaster, pid: Pid, queue: &QueueDir) {
    let mut client = Client::connect(broadcaster.address());
    for round in 0..3 {
        for signal in HARMLESS {
            kill_process(pid, signal).unwrap();
        }
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
    }
    broadcaster.await_log("settings and keys were read again");
    kill_process(pid, Signal::QUIT).unwrap();
    assert_eq!(client.close_code(), 1001);
    drop(client);
    assert!(broadcaster.await_exit().success());
    until("it says so", || broadcaster.log_lines("signal=\"SIGQUIT\"").len() == 1);
}

#[test]
fn quit_stops_as_term_does_and_hang_up_and_user_signals_do_not() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &[GRACE, "60"]);
    let pid = broadcaster.pid();
    goes_through_all(&mut broadcaster, pid, &queue);
}

#[test]
fn the_same_holds_for_the_first_process_of_a_container() {
    let unshared = ["--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(unshared).arg("true").status().is_ok_and(|status| status.success()) {
        return skipped("no PID namespace may be made here");
    }
    let queue = QueueDir::new();
    let mut unshare = command(Path::new("unshare"));
    unshare.args(unshared).arg(BINARY).args(arguments(&queue.path()));
    let mut broadcaster = Broadcaster::spawn(unshare).listening();
    let child = broadcaster.only_child();
    goes_through_all(&mut broadcaster, child, &queue);
}

#[test]
fn quit_also_ends_one_that_waits_and_a_second_one_exits_at_once() {
    let queue = QueueDir::new();
    let mut serving = broadcaster::with(&queue.path(), &[GRACE, "3600"]);
    let mut standby = standby(broadcaster_command(&queue.path()));
    HARMLESS.into_iter().for_each(|signal| standby.signal(signal));
    standby.signal(Signal::QUIT);
    assert!(standby.await_exit().success());
    let silent = shake_hands(serving.address());
    serving.signal(Signal::QUIT);
    serving.await_log("stopping, a second signal exits at once");
    serving.signal(Signal::HUP);
    serving.signal(Signal::QUIT);
    assert_eq!(serving.await_exit().code(), Some(1));
    drop(silent);
}
