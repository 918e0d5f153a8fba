//! The signals that end the server, and those that must not.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{debug, info};

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
    /// Whether it was logged that SIGHUP does nothing.
    hang_up_logged: bool,
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
            hang_up_logged: false,
            user_defined: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
            _file_size: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    /// Waits for the next signal that ends the server and returns its name.
    pub async fn next(&mut self) -> &'static str {
        let [first, second] = &mut self.user_defined;
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.quit.recv() => return "SIGQUIT",
                _ = self.hang_up.recv() => {
                    if !std::mem::replace(&mut self.hang_up_logged, true) {
                        info!("SIGHUP is ignored: settings are read at the start, so restart to change them");
                    }
                }
                _ = first.recv() => debug!("SIGUSR1 is ignored"),
                _ = second.recv() => debug!("SIGUSR2 is ignored"),
            }
        }
    }
}
