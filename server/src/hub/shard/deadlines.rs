//! How long clients are waited for, where no setting says so.

use std::time::Duration;

/// How long a client may take to answer our close frame, or the application to read what one that has left had sent.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A client that takes nothing for so long is not waited for when the log fills up, and no more than `max_outbox_bytes`
/// may wait for it alone. It stays until the log has outgrown it or `slow_client_timeout` is over.
pub(super) const PROGRESS_TIMEOUT: Duration = Duration::from_millis(500);
