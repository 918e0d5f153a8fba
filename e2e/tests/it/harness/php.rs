//! The PHP command line with the extension, and the scripts of `e2e/php`.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use testkit::{Process, QueueDir};

use super::built;

/// A running script.
pub(crate) struct Php {
    process: Process,
    script: &'static str,
}

impl Php {
    /// Starts a script on a queue directory.
    pub(crate) fn spawn<A: AsRef<OsStr>>(
        script: &'static str,
        queue: &QueueDir,
        args: impl IntoIterator<Item = A>,
    ) -> Php {
        // Without php.ini: the machine's may load another build of the extension.
        let mut command = Process::command(built::php());
        command.arg("-n").arg("-d").arg(extension_setting()).arg(script_path(script)).arg(queue.path()).args(args);
        Php { process: Process::spawn(&mut command), script }
    }

    /// Runs a script to its end and returns the lines that it printed.
    pub(crate) async fn run<A: AsRef<OsStr>>(
        script: &'static str,
        queue: &QueueDir,
        args: impl IntoIterator<Item = A>,
    ) -> Vec<String> {
        Self::spawn(script, queue, args).output().await
    }

    /// The process that runs it.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits for the script's end and returns the lines that it printed.
    pub(crate) async fn output(mut self) -> Vec<String> {
        let status = self.process.exit().await;
        let (stdout, stderr) = (self.process.stdout(), self.process.stderr());
        assert!(status.success() && stderr.is_empty(), "{}: {status}, {stderr:?}, {stdout:?}", self.script);
        stdout
    }
}

/// Waits until a script serves WebSocket clients, and returns where.
pub(crate) async fn websocket_address(server: &mut Process) -> SocketAddr {
    let started = |line: &str| line.strip_prefix("WebSocket server started on ws://")?.parse().ok();
    server.line("it listens", started).await.expect("the server starts")
}

/// A command that runs a script of `examples`.
pub(crate) fn example(script: &str) -> Command {
    let mut command = Process::command(built::php());
    command.arg("-n").arg("-d").arg(extension_setting()).arg(built::repository().join("examples").join(script));
    command
}

/// The ini setting that loads the extension.
pub(crate) fn extension_setting() -> String {
    format!("extension={}", built::extension().display())
}

/// Where a script of `e2e/php` is.
pub(crate) fn script_path(script: &str) -> PathBuf {
    built::repository().join("e2e/php").join(script)
}
