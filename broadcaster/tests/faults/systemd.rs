//! What systemd does with a service, done by the test: a socket that outlives the process, and the datagrams in which
//! the service says how it is.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::Signal;
use testkit::{Broadcaster, HANDSHAKE, QueueDir};

use crate::support::systemd::{Reports, WATCHDOG, command_with_socket};
use crate::support::{Client, broadcaster, connect, read_head};

/// Hands the socket over as sd_listen_fds(3) describes it: as descriptor 3, to the process of this number.
fn with_socket(queue: &Path, socket: &TcpListener) -> Broadcaster {
    broadcaster::with_socket(command_with_socket(queue), socket, Stdio::piped()).listening()
}

#[test]
fn connections_wait_in_the_socket_of_the_service_manager_while_the_broadcaster_restarts() {
    let queue = QueueDir::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut broadcaster = with_socket(&queue.path(), &socket);
    for (round, signal) in [Signal::KILL, Signal::TERM, Signal::KILL].into_iter().enumerate() {
        assert_eq!(broadcaster.address(), address, "--listen is not used");
        let mut client = Client::of(&broadcaster);
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
        drop(client);
        broadcaster.signal(signal);
        broadcaster.await_exit();

        // No broadcaster runs, and no connection is refused.
        let mut waiting = connect(address).unwrap();
        waiting.write_all(HANDSHAKE.as_bytes()).unwrap();
        broadcaster = with_socket(&queue.path(), &socket);
        assert!(read_head(&mut waiting).starts_with("HTTP/1.1 101 "));
    }
    broadcaster.stop();
}

#[test]
fn the_service_manager_is_notified_of_start_life_and_end() {
    let (queue, reports) = (QueueDir::new(), Reports::new());
    let mut broadcaster = Broadcaster::spawn(reports.command(&queue.path())).listening();
    assert_eq!(reports.next(), "READY=1\nSTATUS=serving\n");
    (0..5).for_each(|_| assert_eq!(reports.next(), WATCHDOG));
    broadcaster.signal(Signal::TERM);
    assert_eq!(reports.next_state(), "STOPPING=1\nSTATUS=closing clients\n");
    assert!(broadcaster.await_exit().success());
}

#[test]
fn one_that_waits_counts_as_started_and_as_alive() {
    let (queue, reports) = (QueueDir::new(), Reports::new());
    let mut serving = broadcaster::start(&queue.path());
    let waiting = Broadcaster::spawn(reports.command(&queue.path()));
    assert_eq!(reports.next(), "READY=1\nSTATUS=waiting to take over the queue\n");
    (0..5).for_each(|_| assert_eq!(reports.next(), WATCHDOG));
    serving.kill();
    let mut waiting = waiting.listening();
    assert_eq!(reports.next_state(), "READY=1\nSTATUS=serving\n");
    (0..5).for_each(|_| assert_eq!(reports.next(), WATCHDOG));
    waiting.stop();
}

#[test]
fn a_reload_that_hangs_or_ends_late_does_not_undo_the_report_of_the_stop() {
    for finishes in [true, false] {
        let (queue, reports) = (QueueDir::new(), Reports::new());
        let file = queue.root().join("broadcaster.toml");
        fs::write(&file, "shutdown_grace_secs = 5\n").unwrap();
        let mut command = reports.command(&queue.path());
        command.arg("--config").arg(&file);
        let mut broadcaster = Broadcaster::spawn(command).listening();
        let _client = Client::of(&broadcaster);
        assert_eq!(reports.next(), "READY=1\nSTATUS=serving\n");
        // Reading it waits until somebody writes.
        fs::remove_file(&file).unwrap();
        rustix::fs::mknodat(CWD, &file, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        broadcaster.signal(Signal::HUP);
        assert!(reports.next_state().starts_with("RELOADING=1\n"));
        broadcaster.signal(Signal::TERM);
        assert_eq!(reports.next_state(), "STOPPING=1\nSTATUS=closing clients\n");
        if finishes {
            fs::write(&file, "").unwrap();
            broadcaster.await_line("the end of the reload", |line| line.contains("were read again").then_some(()));
        }
        assert!(broadcaster.await_exit().success());
        let given_up = broadcaster.log_lines("reading the settings again is not finished").len();
        assert_eq!(given_up, usize::from(!finishes));
        let after: Vec<_> = reports.rest().into_iter().filter(|report| report != WATCHDOG).collect();
        assert!(after.is_empty(), "{after:?}");
    }
}
