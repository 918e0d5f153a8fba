//! The broadcaster's process.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::{Command, ExitStatus};

use super::process::{Process, Signal};
use super::{Client, QueueDir, built};

pub(crate) struct Broadcaster {
    process: Process,
    address: SocketAddr,
}

impl Broadcaster {
    /// Starts one on a port of the system's choice, and returns when it listens.
    pub(crate) async fn start(queue: &QueueDir) -> Broadcaster {
        Self::start_with(queue, &[]).await
    }

    /// The same with further arguments.
    pub(crate) async fn start_with(queue: &QueueDir, args: &[&str]) -> Broadcaster {
        let mut command = Self::command(["--listen", "127.0.0.1:0", "--queue"]);
        Self::spawn(command.arg(queue.path()).args(args)).await
    }

    /// Starts a command of [`Self::command`], and returns when it listens.
    pub(crate) async fn spawn(command: &mut Command) -> Broadcaster {
        Self::listening(Process::spawn(command.args(["--log-format", "json"]))).await
    }

    async fn listening(mut process: Process) -> Broadcaster {
        let address = process.line("it listens", listening_address).await.expect("the broadcaster starts");
        Broadcaster { process, address }
    }

    /// A command with nothing of this process's environment that could configure it.
    pub(crate) fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Process::command(built::broadcaster());
        without_settings(&mut command).args(args);
        command
    }

    /// The same as another user, who may not be able to enter the directory that it was built in: for a copy.
    pub(crate) fn command_as<A: AsRef<OsStr>>(
        user: u32,
        copy: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        std::fs::copy(built::broadcaster(), copy.as_ref()).unwrap();
        let mut command = Process::command_as(user, copy);
        without_settings(&mut command).args(args);
        command
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects a client on the path `/`.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, "/").await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        self.process.exit().await
    }
}

/// A broadcaster whose queue has another one.
pub(crate) struct Standby {
    process: Process,
}

impl Standby {
    /// Starts one, and returns when it waits.
    pub(crate) async fn start(queue: &QueueDir) -> Standby {
        let mut command = Broadcaster::command(["--listen", "127.0.0.1:0", "--log-format", "json", "--queue"]);
        let mut process = Process::spawn(command.arg(queue.path()));
        let waits = |line: &str| line.contains("waiting to take over").then_some(());
        process.line("it waits", waits).await.expect("the broadcaster stands by");
        Standby { process }
    }

    /// Waits until it listens.
    pub(crate) async fn takes_over(self) -> Broadcaster {
        Broadcaster::listening(self.process).await
    }
}

fn without_settings(command: &mut Command) -> &mut Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("RUST_LOG", "info")
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    (fields.get("message")? == "listening").then(|| fields["address"].as_str().unwrap().parse().unwrap())
}
