//! Log lines on standard error.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use server::config::LogFormat;
use server::log_level;
use server::log_lines::{self, LogLines, LogThread};
use tracing::warn;

/// How long the last lines may take at the end, and whatever else the process has to say.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

static THREAD: Mutex<Option<LogThread>> = Mutex::new(None);

/// Starts logging.
///
/// # Errors
/// When the system has no descriptor or thread left.
pub(crate) fn start(format: LogFormat) -> io::Result<()> {
    let lines = LogLines::new(matches!(format, LogFormat::Human) && io::stderr().is_terminal());
    let thread = lines.write_to(io::stderr().as_fd().try_clone_to_owned()?)?;
    *THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    let panicking = lines.clone();
    log_lines::log_panics(move || panicking.flush(FLUSH_TIMEOUT));
    let level = log_lines::wanted_level();
    let (filter, unknown) = log_level::filter(level.as_deref().unwrap_or("info"));
    // Its report of a line that could not be written would be written to the same place, and panic.
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).log_internal_errors(false);
    match format {
        LogFormat::Human => subscriber.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    if let Some(unknown) = unknown {
        warn!("{unknown}");
    }
    Ok(())
}

/// Writes what is left. Nothing is logged any more.
pub(crate) fn finish() {
    if let Some(thread) = THREAD.lock().unwrap_or_else(PoisonError::into_inner).take() {
        thread.finish(FLUSH_TIMEOUT);
    }
}
