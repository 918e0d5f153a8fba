//! Sees to it that the lock file of a queue stays ours: what cleans up a directory (`git clean`, `rsync --delete`) deletes it.

use std::io;
use std::time::{Duration, Instant};

use queue::{OpenError, Reader};
use tracing::warn;

/// Who only asks whether the file is locked has it for a moment. A broadcaster that has taken it keeps it.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct LockWatch {
    due: Instant,
    /// It cannot be made again, and that was logged.
    is_missed: bool,
}

impl LockWatch {
    pub(crate) fn new() -> LockWatch {
        LockWatch { due: Instant::now(), is_missed: false }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    pub(crate) fn look_now(&mut self) {
        self.due = Instant::now();
    }

    /// Makes the lock file again if it is gone, and is due again after the interval. Returns whether it was made.
    ///
    /// # Errors
    /// When another broadcaster has it. Each of the two would read a part of the events.
    pub(crate) fn look(&mut self, reader: &mut Reader, interval: Duration) -> io::Result<bool> {
        self.due = Instant::now() + interval;
        let lock = queue::lock_file(reader.path());
        for _ in 0..TRIES {
            match reader.keep_lock() {
                Ok(false) => return Ok(false),
                Ok(true) => {
                    warn!(
                        lock = %lock.display(),
                        "the lock file was deleted or replaced, made it again; exclude it from what cleans up there"
                    );
                    self.is_missed = false;
                    return Ok(true);
                }
                Err(OpenError::Locked(_)) => std::thread::sleep(PAUSE),
                Err(error) => {
                    if !std::mem::replace(&mut self.is_missed, true) {
                        warn!(%error, "the lock file was deleted and cannot be made again, trying again");
                    }
                    return Ok(false);
                }
            }
        }
        let problem = "another broadcaster has locked it, an older one: end one of the two";
        Err(io::Error::other(format!("the lock file {} was deleted or replaced, and {problem}", lock.display())))
    }
}
