//! What systemd does with a service, done by the test: a socket that outlives the process, and the datagrams in which the
//! service says how it is.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::broadcaster::{BINARY, Broadcaster, arguments, command};
use crate::client::{HANDSHAKE, connect, read_head};
use crate::queue_dir::QueueDir;
use crate::wait::TIMEOUT;

/// Hands the socket over as sd_listen_fds(3) describes it: as descriptor 3, to the process of this number.
fn with_socket(queue: &Path, socket: &TcpListener) -> Broadcaster {
    let shell = command_with_socket(queue);
    let stdin = Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
    Broadcaster::spawn_with_stdin(shell, stdin).listening()
}

/// A broadcaster that takes its standard input for the socket.
pub(crate) fn command_with_socket(queue: &Path) -> Command {
    let mut shell = command("sh");
    let script = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null";
    shell.args(["-c", script, BINARY]).args(arguments(queue));
    shell
}

#[test]
fn connections_wait_in_the_socket_of_the_service_manager_while_the_broadcaster_restarts() {
    let queue = QueueDir::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut broadcaster = with_socket(&queue.path(), &socket);
    for (round, signal) in [Signal::KILL, Signal::TERM, Signal::KILL].into_iter().enumerate() {
        assert_eq!(broadcaster.address(), address, "--listen is not used");
        let mut client = broadcaster.connect();
        queue.enqueue(round);
        assert_eq!(client.payload(), round.to_string());
        drop(client);
        broadcaster.signal(signal);
        broadcaster.exited();

        // Nobody is there, and nobody is refused.
        let mut waiting = connect(address).unwrap();
        waiting.write_all(HANDSHAKE.as_bytes()).unwrap();
        broadcaster = with_socket(&queue.path(), &socket);
        assert!(read_head(&mut waiting).starts_with("HTTP/1.1 101 "));
    }
    broadcaster.stop();
}

/// The socket to which a service reports: sd_notify(3).
pub(crate) struct Reports {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Reports {
    pub(crate) fn new() -> Reports {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        Reports { socket, directory }
    }

    /// A broadcaster that has to be heard of every tenth of a second.
    fn command(&self, queue: &Path) -> Command {
        self.command_of(Path::new(BINARY), queue, 100_000)
    }

    /// A broadcaster that has to be heard of as often as said.
    pub(crate) fn command_of(&self, binary: &Path, queue: &Path, watchdog_usec: u32) -> Command {
        let mut command = command(binary);
        command.args(arguments(queue));
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        command.env("WATCHDOG_USEC", watchdog_usec.to_string());
        command
    }

    pub(crate) fn next(&self) -> String {
        let mut report = [0; 1000];
        let length = self.socket.recv(&mut report).expect("a report");
        String::from_utf8(report[..length].to_vec()).unwrap()
    }

    /// The next that is not of the watchdog.
    fn next_state(&self) -> String {
        std::iter::repeat_with(|| self.next()).find(|report| report != WATCHDOG).unwrap()
    }
}

pub(crate) const WATCHDOG: &str = "WATCHDOG=1\n";

#[test]
fn the_service_manager_is_notified_of_start_life_and_end() {
    let (queue, reports) = (QueueDir::new(), Reports::new());
    let mut broadcaster = Broadcaster::spawn(reports.command(&queue.path())).listening();
    assert_eq!(reports.next(), "READY=1\nSTATUS=serving\n");
    (0..5).for_each(|_| assert_eq!(reports.next(), WATCHDOG));
    broadcaster.signal(Signal::TERM);
    assert_eq!(reports.next_state(), "STOPPING=1\nSTATUS=closing clients\n");
    assert!(broadcaster.exited().success());
}

#[test]
fn one_that_waits_counts_as_started_and_as_alive() {
    let (queue, reports) = (QueueDir::new(), Reports::new());
    let mut serving = Broadcaster::start(&queue.path());
    let waiting = Broadcaster::spawn(reports.command(&queue.path()));
    assert_eq!(reports.next(), "READY=1\nSTATUS=waiting to take over the queue\n");
    (0..5).for_each(|_| assert_eq!(reports.next(), WATCHDOG));
    serving.kill();
    let mut waiting = waiting.listening();
    assert_eq!(reports.next_state(), "READY=1\nSTATUS=serving\n");
    (0..5).for_each(|_| assert_eq!(reports.next(), WATCHDOG));
    waiting.stop();
}
