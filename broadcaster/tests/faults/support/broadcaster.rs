//! The broadcaster under test, and the ways to start it.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::{Broadcaster, Process, QueueDir, public_copy, without_settings};

use super::Client;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_fastapi-broadcaster");

/// How long clients may take to leave. Tests whose clients read to the end say how long.
pub(crate) const GRACE: &str = "--shutdown-grace-secs";

/// A command that runs a program with nothing of our environment that it could take for settings.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    without_settings(&mut command);
    command
}

/// The arguments that every broadcaster of these tests has: a port of its own, a look at the directory often, and a
/// short time at the end for clients that do not answer.
pub(crate) fn arguments(queue: &Path) -> Vec<String> {
    let queue = queue.to_str().unwrap();
    let all = ["--queue", queue, "--listen", "127.0.0.1:0", "--scan-interval-secs", "0.02", GRACE, "0.5"];
    all.map(str::to_owned).into()
}

/// The command of a broadcaster with these arguments.
pub(crate) fn broadcaster_command(queue: &Path) -> Command {
    let mut command = command(BINARY);
    command.args(arguments(queue));
    command
}

/// The command of a broadcaster on a directory and an address. Two may have the same.
pub(crate) fn command_on(queue: &Path, address: SocketAddr) -> Command {
    let mut command = command(BINARY);
    command.args(["--listen", &address.to_string(), "--queue"]).arg(queue);
    command
}

/// Starts a broadcaster and blocks until it listens.
pub(crate) fn start(queue: &Path) -> Broadcaster {
    with(queue, &[])
}

/// The same with further flags.
pub(crate) fn with(queue: &Path, flags: &[&str]) -> Broadcaster {
    of(Path::new(BINARY), queue, flags)
}

/// Starts one, and a client that gets everything that waits in the queue. Nobody may write meanwhile.
pub(crate) fn with_first_client(queue: &QueueDir, flags: &[&str]) -> (Broadcaster, Client) {
    queue.held_back(|| {
        let broadcaster = with(&queue.path(), flags);
        let client = Client::of(&broadcaster);
        (broadcaster, client)
    })
}

/// The same as [`with`] with another binary than the one under test.
pub(crate) fn of(binary: &Path, queue: &Path, flags: &[&str]) -> Broadcaster {
    spawn(binary, queue, flags).listening()
}

/// Starts one that cannot listen yet.
pub(crate) fn waiting(queue: &Path, flags: &[&str]) -> Broadcaster {
    spawn(Path::new(BINARY), queue, flags)
}

fn spawn(binary: &Path, queue: &Path, flags: &[&str]) -> Broadcaster {
    let mut command = command(binary);
    for usual in arguments(queue).chunks(2).filter(|usual| !flags.contains(&usual[0].as_str())) {
        command.args(usual);
    }
    command.args(flags);
    Broadcaster::spawn(command)
}

/// Starts one on a directory that another one owns, and blocks until it waits.
pub(crate) fn standby(command: Command) -> Broadcaster {
    let mut standby = Broadcaster::spawn(command);
    standby.await_log("waiting to take over");
    standby
}

/// A copy of the program that every user may run.
pub(crate) fn public_binary(queue: &QueueDir) -> PathBuf {
    public_copy(Path::new(BINARY), queue.root())
}

/// Runs it as another user, who may write to the queue directory by its group. Only root can.
pub(crate) fn run_by(user: u32, group: u32, queue: &QueueDir, flags: &[&str]) -> Broadcaster {
    let mut command = command(public_binary(queue));
    command.args(arguments(&queue.path())).args(flags).uid(user).gid(group);
    Broadcaster::spawn(command).listening()
}

/// Starts one with a socket as its standard input, and a place for its log. The log is kept if that is a pipe of its
/// own.
pub(crate) fn with_socket(mut command: Command, socket: &TcpListener, log: impl Into<Stdio>) -> Broadcaster {
    command.stdin(OwnedFd::from(socket.try_clone().unwrap())).stdout(Stdio::null()).stderr(log);
    Broadcaster::with_address(Process::spawn_as_it_is(&mut command), socket.local_addr().unwrap())
}
