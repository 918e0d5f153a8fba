//! What waits in the queue directory, seen from outside: the source is not asked. Looking takes longer the more waits, so
//! it is not done again at once.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use queue::{Failed, Pending};

/// How long what was seen counts.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The part of the time that may be spent with looking.
const SHARE: u32 = 20;

/// What waits in a queue directory.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) events: u64,
    pub(crate) oldest: Duration,
    /// `None`: that folder cannot be read.
    pub(crate) failed_entries: Option<u64>,
}

/// Looks at a queue directory now and then.
#[derive(Debug)]
pub(crate) struct QueueLook {
    path: PathBuf,
    max_event_bytes: u64,
    /// Held by who looks.
    looking: Mutex<()>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// `None`: it could not be read.
    waiting: Option<Waiting>,
    at: Option<Instant>,
    /// When it is to be looked at again.
    due: Option<Instant>,
}

impl QueueLook {
    /// The limit is that of the reader.
    pub(crate) fn new(path: PathBuf, max_event_bytes: u64) -> QueueLook {
        QueueLook { path, max_event_bytes, looking: Mutex::default(), seen: Mutex::default() }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What waits, or waited a short time ago. Takes long if very much waits. `None`: the directory cannot be read.
    pub(crate) fn look(&self) -> Option<Waiting> {
        let now = Instant::now();
        if self.seen().due.is_none_or(|due| due <= now) {
            // Who comes while another one looks gets what was seen before.
            let looking = match self.seen().due {
                None => Some(self.looking.lock().unwrap_or_else(PoisonError::into_inner)),
                Some(_) => self.looking.try_lock().ok(),
            };
            if looking.is_some() && self.seen().due.is_none_or(|due| due <= now) {
                let waiting = self.count();
                let end = Instant::now();
                let due = end + MIN_INTERVAL.max((end - now) * SHARE);
                *self.seen() = Seen { waiting, at: Some(end), due: Some(due) };
            }
        }
        let seen = self.seen();
        let age = seen.at.map_or(Duration::ZERO, |at| at.elapsed());
        // What waited then has waited for longer since, unless it was read.
        seen.waiting.map(|it| Waiting { oldest: if it.events > 0 { it.oldest + age } else { it.oldest }, ..it })
    }

    fn count(&self) -> Option<Waiting> {
        let Pending { events, oldest } = Pending::of(&self.path, self.max_event_bytes).ok()?;
        let failed = Failed::open(&self.path).and_then(|failed| failed.map_or(Ok(0), |failed| failed.count()));
        Some(Waiting {
            events,
            oldest: oldest.unwrap_or_default(),
            failed_entries: failed.ok().map(|failed| failed as u64),
        })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
