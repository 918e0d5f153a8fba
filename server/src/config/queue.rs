//! Settings of the queue directory.

use std::path::PathBuf;

use queue::{DEFAULT_GRACE, DEFAULT_MAX_EVENT_BYTES};

use super::form::{Form, Unit};
use super::setting::section;

section! { "The queue directory";
    queue: PathBuf, Form::Path,
        "Queue directory that PHP writes events to. It must exist and must not be writable by every user",
        more: "A relative path is made absolute at the start: it names the same place when the working directory is deleted and \
               made again.",
        short: Some('q'),
        example: Some("/var/lib/fastapi-broadcaster/queue");
    max_event_bytes: u64 = DEFAULT_MAX_EVENT_BYTES as u64,
        // Half of the largest `log_bytes`.
        Form::between(Unit::Bytes, 1, Unit::Bytes.most() / 2, ""),
        "Largest event in bytes, as a file; a larger one is put aside in failed/",
        more: "`log_bytes` must be at least twice as much. PHP has its own limit: `fastapi_websocket.max_event_bytes` in php.ini.";
    entry_grace_secs: f64 = DEFAULT_GRACE.as_secs_f64(), Form::Seconds,
        "How long a file that is no complete event may still be growing before it is put aside";
    failed_max_entries: usize = 10_000, Form::at_least_one(Unit::Count),
        "Entries kept in failed/; the oldest are deleted beyond it";
    failed_max_age_secs: u64 = 30 * 24 * 60 * 60, Form::at_least_one(Unit::Seconds),
        "How long entries are kept in failed/",
        default_in_words: Some("30 days");
    scan_interval_secs: f64 = 1.0, Form::Seconds,
        "How often the directory is read even if the file system reports nothing";
}
