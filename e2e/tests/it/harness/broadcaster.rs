//! The broadcaster, started on a port of the system's choice.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::{Broadcaster, Process, QueueDir, public_copy, without_settings};

use super::{built, secret};

/// Starts one, and returns when it listens.
pub(crate) async fn start(queue: &QueueDir) -> Broadcaster {
    start_with(queue, &[]).await
}

/// The same with further arguments.
pub(crate) async fn start_with(queue: &QueueDir, args: &[&str]) -> Broadcaster {
    spawn(on(queue).args(args)).await
}

/// Starts one that takes tokens, with channels that need none: the value of `public_channels`.
pub(crate) async fn start_with_tokens(queue: &QueueDir, public: &str) -> Broadcaster {
    start_with_tokens_on(queue, public, "127.0.0.1:0", &[]).await
}

/// The same on an address, with further arguments.
pub(crate) async fn start_with_tokens_on(queue: &QueueDir, public: &str, address: &str, args: &[&str]) -> Broadcaster {
    let mut command = command(["--listen", address, "--public-channels", public, "--queue"]);
    command.arg(queue.path()).arg("--token-secret-file").arg(secret::file(queue)).args(args);
    spawn(&mut command).await
}

/// Starts a command of [`command`], and returns when it listens.
pub(crate) async fn spawn(command: &mut Command) -> Broadcaster {
    Broadcaster::new(Process::spawn(command.args(["--log-format", "json"]))).started().await
}

/// Starts one whose queue has another one, and returns when it waits.
pub(crate) async fn standby(queue: &QueueDir) -> Broadcaster {
    let mut standby = Broadcaster::new(Process::spawn(on(queue).args(["--log-format", "json"])));
    let waits = |line: &str| line.contains("waiting to take over").then_some(());
    standby.line("it waits", waits).await.expect("the broadcaster stands by");
    standby
}

/// Where the admin listener of a broadcaster is.
pub(crate) async fn admin_address(broadcaster: &mut Broadcaster) -> SocketAddr {
    let address = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = line.get("fields").unwrap_or(&line);
        (fields["message"] == "admin listener").then(|| fields["address"].as_str()?.parse().ok())?
    };
    broadcaster.line("its admin listener is there", address).await.expect("it has one")
}

/// A command for a queue.
pub(crate) fn on(queue: &QueueDir) -> Command {
    let mut command = command(["--listen", "127.0.0.1:0", "--queue"]);
    command.arg(queue.path());
    command
}

/// A command with nothing of this process's environment that could configure it.
pub(crate) fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Process::command(built::broadcaster());
    without_settings(&mut command).args(args);
    command
}

/// The same as another user, who may not be able to enter the directory that it was built in: a copy is made.
pub(crate) fn command_as<A: AsRef<OsStr>>(user: u32, directory: &Path, args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Process::command_as(user, public_copy(&built::broadcaster(), directory));
    without_settings(&mut command).args(args);
    command
}
