//! What `make run` starts, on ports of the system's choice.

use std::fs;
use std::net::SocketAddr;
use std::process::ExitStatus;

use tempfile::TempDir;
use testkit::{Process, Signal, temporary_directory};

use super::example_script;

pub(crate) struct Demo {
    process: Process,
    page: SocketAddr,
    temporary: TempDir,
}

impl Demo {
    pub(crate) async fn start() -> Demo {
        let temporary = temporary_directory();
        let mut process = spawn(&temporary, 0);
        let page = |line: &str| line.trim().strip_prefix("Open  http://")?.strip_suffix('/')?.parse().ok();
        let page = process.line("it prints the page's address", page).await.expect("the demo starts");
        Demo { process, page, temporary }
    }

    /// Asks for a port that is taken. Returns how it ended, what it said, and how many files it left behind.
    pub(crate) async fn refused(port: u16) -> (ExitStatus, Vec<String>, usize) {
        let temporary = temporary_directory();
        let mut process = spawn(&temporary, port);
        let status = process.exit().await;
        (status, process.stderr(), temporary.path().read_dir().unwrap().count())
    }

    /// Where the page is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.page
    }

    /// The secret that it has made.
    pub(crate) fn secret(&self) -> String {
        let directory = self.temporary.path().read_dir().unwrap().next().expect("its directory").unwrap();
        fs::read_to_string(directory.path().join("secret")).unwrap()
    }

    /// Presses Ctrl-C. Returns how it ended and how many files it left behind.
    pub(crate) async fn interrupt(mut self) -> (ExitStatus, usize) {
        self.process.signal(Signal::INT);
        let status = self.process.exit().await;
        (status, self.temporary.path().read_dir().unwrap().count())
    }
}

fn spawn(temporary: &TempDir, port: u16) -> Process {
    let mut command = example_script("run", temporary.path());
    Process::spawn(command.env("PORT", port.to_string()).env_remove("WS_HOST").env_remove("WS_PORT"))
}
