//! Keeps the lock file of a queue there and locked by us: programs that clean up a directory (tmp cleaners,
//! `git clean`) delete it.

use std::io;
use std::time::{Duration, Instant};

use queue::{OpenError, Reader};
use tracing::warn;

use crate::logged_reason::LoggedReason;

/// How long it may be gone before it is made again. If it were made at once, `rm -r` on the directory would fail: it
/// deletes the directory when it has deleted all files. The lock on the directory keeps others out meanwhile, all but
/// older versions.
const DELAY: Duration = Duration::from_secs(1);
/// A process that only asks whether the file is locked has it for a moment. A broadcaster that has taken it keeps it.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct LockWatch {
    due: Instant,
    /// When it was first seen to be gone.
    gone_since: Option<Instant>,
    /// Why it cannot be made again.
    failure: LoggedReason,
}

impl LockWatch {
    pub(super) fn new() -> LockWatch {
        LockWatch { due: Instant::now(), gone_since: None, failure: LoggedReason::default() }
    }

    pub(super) fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    pub(super) fn postpone(&mut self, interval: Duration) {
        self.due = Instant::now() + interval;
    }

    /// For how long nothing has to be done.
    pub(super) fn pause(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    pub(super) fn look_now(&mut self) {
        self.due = Instant::now();
    }

    /// Makes the lock file again if it has been gone for a while, and is due again after the interval. Returns whether
    /// it was made.
    ///
    /// # Errors
    /// When another broadcaster has it. Each of the two would read a part of the events.
    pub(super) fn look(&mut self, reader: &mut Reader, interval: Duration) -> io::Result<bool> {
        let lock = queue::lock_file(reader.path());
        let now = Instant::now();
        self.due = now + interval;
        if reader.has_lock_file() {
            self.gone_since = None;
            return Ok(false);
        }
        let gone_since = *self.gone_since.get_or_insert(now);
        // Where there is another, somebody has made it: who, has to be known at once.
        if now < gone_since + DELAY && !lock.exists() && !reader.needs_lock_file() {
            self.due = now + PAUSE;
            return Ok(false);
        }
        for _ in 0..TRIES {
            match reader.keep_lock() {
                Ok(false) => return Ok(false),
                Ok(true) => {
                    warn!(
                        lock = %lock.display(),
                        "the lock file was deleted or replaced, created again; exclude it from the program that cleans up this directory"
                    );
                    self.gone_since = None;
                    self.failure.clear();
                    return Ok(true);
                }
                Err(OpenError::Locked(_)) => std::thread::sleep(PAUSE),
                Err(error) => {
                    if self.failure.is_new(&error) {
                        warn!(%error, "the lock file was deleted and cannot be made again, trying again");
                    }
                    return Ok(false);
                }
            }
        }
        let problem = "an older version of the broadcaster has locked it: stop one of the two";
        Err(io::Error::other(format!("the lock file {} was deleted or replaced, and {problem}", lock.display())))
    }
}
