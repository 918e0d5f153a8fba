//! Log lines on standard error.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use server::config::LogFormat;
use server::log_level;
use server::log_lines::{self, LogLines, LogThread};
use tracing::level_filters::LevelFilter;
use tracing::warn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::recent_problems::RecentProblems;

/// How long the last lines may take at the end, and whatever else the process has to say.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

static THREAD: Mutex<Option<LogThread>> = Mutex::new(None);

/// Starts logging. Warnings and errors are kept too.
///
/// # Errors
/// When the system has no descriptor or thread left.
pub(crate) fn start(format: LogFormat, problems: RecentProblems) -> io::Result<()> {
    let lines = LogLines::new(matches!(format, LogFormat::Human) && io::stderr().is_terminal());
    let thread = lines.write_to(io::stderr().as_fd().try_clone_to_owned()?)?;
    *THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    let panicking = lines.clone();
    log_lines::log_panics(move || panicking.flush(FLUSH_TIMEOUT));
    let level = log_lines::wanted_level();
    let (filter, unknown) = log_level::filter(level.as_deref().unwrap_or("info"));
    // Its report of a line that could not be written would be written to the same place, and panic.
    let layer = fmt::layer().with_writer(lines).log_internal_errors(false);
    let layer = match format {
        LogFormat::Human => layer.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    // They are kept whatever the level of the log is.
    let problems = problems.with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(layer.with_filter(filter)).with(problems).init();
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
