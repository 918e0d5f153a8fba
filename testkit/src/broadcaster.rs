//! The broadcaster as a child process. Where its program is, the tests say.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::process::Command;

use crate::process::Process;

/// A broadcaster that may listen or not yet.
pub struct Broadcaster {
    process: Process,
    address: Option<SocketAddr>,
}

impl Broadcaster {
    /// A broadcaster whose process was started, of which nothing more is known.
    pub fn new(process: Process) -> Broadcaster {
        Broadcaster { process, address: None }
    }

    /// One that listens on a socket that was passed to it.
    pub fn with_address(process: Process, address: SocketAddr) -> Broadcaster {
        Broadcaster { process, address: Some(address) }
    }

    /// Starts a command, without waiting for anything.
    pub fn spawn(mut command: Command) -> Broadcaster {
        Broadcaster::new(Process::spawn(&mut command))
    }

    /// Blocks until it says where it listens.
    pub fn listening(mut self) -> Broadcaster {
        self.address = Some(self.process.await_line("it listens", listening_address));
        self
    }

    /// Waits until it says where it listens.
    pub async fn started(mut self) -> Broadcaster {
        self.address = self.process.line("it listens", listening_address).await;
        assert!(self.address.is_some(), "the broadcaster starts");
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("it is listening")
    }

    /// The lines of the log that contain a text.
    pub fn log_lines(&self, text: &str) -> Vec<String> {
        self.stderr().into_iter().filter(|line| line.contains(text)).collect()
    }

    /// Blocks until there is a line of the log that contains a text.
    pub fn await_log(&mut self, text: &str) {
        self.await_line(text, |line| line.contains(text).then_some(()));
    }

    /// Asks it to stop, and blocks until it has done so properly.
    pub fn stop(&mut self) {
        self.signal(crate::Signal::TERM);
        let status = self.await_exit();
        assert!(status.success(), "{status}: {:#?}", self.stderr());
    }
}

impl Deref for Broadcaster {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Broadcaster {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// Takes everything from the environment of a command that the broadcaster could take for settings.
pub fn without_settings(command: &mut Command) -> &mut Command {
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
}

/// The address in the line of the log that names it, in either format.
fn listening_address(line: &str) -> Option<SocketAddr> {
    let json = || line.split_once(r#""message":"listening","address":""#);
    let (_, rest) = line.split_once("listening address=").or_else(json)?;
    rest.split([' ', '"']).next()?.parse().ok()
}
