//! The signals that end the server, the one that has it read its settings again, and those that do nothing.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::debug;

/// All signals that a server is sent in the ordinary course of things, from the moment of creation on: none of them
/// does what the system does by default, which for each is to end the process at once, or nothing at all if it is the
/// first of a container.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// What the images of PHP and nginx set as their STOPSIGNAL.
    quit: Signal,
    hang_up: Signal,
    user_defined: [Signal; 2],
    /// A file has reached the largest size that the process may write (`ulimit -f`). With a handler the write fails
    /// instead.
    _file_size: Signal,
}

impl Signals {
    /// Begins to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user_defined: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
            _file_size: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    /// Waits for the next signal that means something.
    pub async fn next(&mut self) -> Received {
        let [first, second] = &mut self.user_defined;
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return Received::Stop("SIGINT"),
                _ = self.terminate.recv() => return Received::Stop("SIGTERM"),
                _ = self.quit.recv() => return Received::Stop("SIGQUIT"),
                _ = self.hang_up.recv() => return Received::HangUp,
                _ = first.recv() => debug!("SIGUSR1 is ignored"),
                _ = second.recv() => debug!("SIGUSR2 is ignored"),
            }
        }
    }

    /// Waits for the next signal that ends the server and returns its name. A SIGHUP that comes meanwhile is there for
    /// [`next`](Self::next).
    pub async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.quit.recv() => "SIGQUIT",
        }
    }
}

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The server is to end. With the name of the signal.
    Stop(&'static str),
    /// SIGHUP: the settings are to be read again.
    HangUp,
}
