//! What systemd does with a service: a socket that outlives the process, and the datagrams in which the service
//! reports.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use testkit::TIMEOUT;

use super::{BINARY, arguments, command};

/// A broadcaster that takes its standard input for the socket.
pub(crate) fn command_with_socket(queue: &Path) -> Command {
    let mut shell = command("sh");
    let script = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null";
    shell.args(["-c", script, BINARY]).args(arguments(queue));
    shell
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

    /// A broadcaster that has to report every tenth of a second.
    pub(crate) fn command(&self, queue: &Path) -> Command {
        self.command_of(Path::new(BINARY), queue, 100_000)
    }

    /// A broadcaster that has to report in this interval.
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

    /// What has come and was not read.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut report = [0; 1000];
        std::iter::from_fn(|| {
            let length = self.socket.recv(&mut report).ok()?;
            Some(String::from_utf8(report[..length].to_vec()).unwrap())
        })
        .collect()
    }

    /// The next that is not of the watchdog.
    pub(crate) fn next_state(&self) -> String {
        std::iter::repeat_with(|| self.next()).find(|report| report != WATCHDOG).unwrap()
    }
}

pub(crate) const WATCHDOG: &str = "WATCHDOG=1\n";
