//! The way of events into the queue for those who publish over HTTP: the admin listener, and the API of the Pusher
//! protocol. An event goes the way of PHP's events, and is on the disk before anybody is told so.

use std::path::{Path, PathBuf};

use http::StatusCode;
use queue::{Durability, EnqueueError, NewEvent, Priority, Writer, shown};
use thiserror::Error;

/// The end of the queue that events go into.
#[derive(Debug, Clone)]
pub struct Publisher {
    queue: PathBuf,
    max_event_bytes: usize,
}

/// Why events were not queued. None of them was.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The directory was there at the start.
    #[error("the queue directory {} is missing: nothing is published until it is there again", shown(.0))]
    Missing(PathBuf),
    /// The queue has refused them.
    #[error(transparent)]
    Refused(#[from] EnqueueError),
}

impl Publisher {
    /// For a queue directory, and entries of at most so many bytes.
    pub fn new(queue: &Path, max_event_bytes: u64) -> Publisher {
        let max_event_bytes = usize::try_from(max_event_bytes).unwrap_or(usize::MAX);
        Publisher { queue: queue.to_owned(), max_event_bytes }
    }

    /// The largest entry in bytes.
    pub fn max_event_bytes(&self) -> usize {
        self.max_event_bytes
    }

    /// Queues events as one entry: all, or none. It waits for the disk: what it has queued is there after a loss of
    /// power, because the one who asked may not ask again.
    ///
    /// # Errors
    /// When nothing was queued.
    pub fn publish(&self, events: &[NewEvent<'_>], priority: Priority) -> Result<(), PublishError> {
        // PHP creates the directory of its first event. Here it was there at the start: perhaps a disk is not mounted.
        if !self.queue.is_dir() {
            return Err(PublishError::Missing(self.queue.clone()));
        }
        let writer = Writer::new(&self.queue).max_event_bytes(self.max_event_bytes).durability(Durability::Full);
        writer.enqueue_events(events, priority)?;
        Ok(())
    }
}

impl PublishError {
    /// What the one who asked is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            PublishError::Refused(EnqueueError::TooLarge { .. } | EnqueueError::TooLargeForChannels { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            PublishError::Refused(EnqueueError::TooManyChannels { .. } | EnqueueError::BadLength { .. }) => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
