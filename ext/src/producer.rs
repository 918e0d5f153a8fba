//! What all methods that queue events share: a writer with the settings of this moment, and the reasons why an event
//! is refused.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use queue::{EnqueueError, Writer};

use crate::globals::GLOBALS;
use crate::ini;
use crate::json::Refusal;

/// A writer for a directory. Uids and names of entries that are made afterwards differ from those of other processes.
pub(crate) fn writer(directory: PathBuf) -> Result<Writer, Refusal> {
    reseed_in_fork()?;
    let globals = GLOBALS.get();
    Ok(Writer::new(directory).durability(globals.durability.get()).max_event_bytes(globals.max_event_bytes.get()))
}

/// Lets uids differ from those of other processes, if this one is a fork.
pub(crate) fn reseed_in_fork() -> Result<(), Refusal> {
    let reseeded = GLOBALS.get().reseed_in_fork();
    reseeded.map_err(|error| Refusal::Reason(format!("no name for the entry: {error}")))
}

/// The reason in words, with the setting to change.
pub(crate) fn refused(error: &EnqueueError) -> Refusal {
    Refusal::Reason(match error {
        EnqueueError::TooLarge { .. } => format!("{error} set by {}", ini::MAX_EVENT_BYTES),
        EnqueueError::TooLargeForChannels { .. } => format!("{error}, or set a higher {}", ini::MAX_EVENT_BYTES),
        _ => error.to_string(),
    })
}

/// Runs code that may panic. No panic may reach PHP.
pub(crate) fn catch<T>(run: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(Refusal::Reason(format!("internal error: {}", panic_text(&*panic)))))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
