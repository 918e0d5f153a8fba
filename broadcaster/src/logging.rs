//! Log lines on standard error.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use server::config::LogFormat;
use server::log_level;
use server::log_lines::{self, LogLines, LogThread};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, reload};

use crate::recent_problems::RecentProblems;

/// How long the last lines may take at the end, and whatever else the process has to say.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

static THREAD: Mutex<Option<LogThread>> = Mutex::new(None);

/// Sets what is logged.
type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Starts logging, what the level says. Warnings and errors are kept too.
///
/// # Errors
/// When the system has no descriptor or thread left.
pub(crate) fn start(format: LogFormat, level: &str, problems: RecentProblems) -> io::Result<()> {
    let lines = LogLines::new(matches!(format, LogFormat::Human) && io::stderr().is_terminal());
    let thread = lines.write_to(io::stderr().as_fd().try_clone_to_owned()?)?;
    *THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    let panicking = lines.clone();
    log_lines::log_panics(move || panicking.flush(FLUSH_TIMEOUT));
    let (filter, set_filter) = reload::Layer::new(log_level::filter(level).0);
    // Its report of a line that could not be written would be written to the same place, and panic.
    let layer = fmt::layer().with_writer(lines).log_internal_errors(false);
    let layer = match format {
        LogFormat::Human => layer.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    // They are kept whatever the level of the log is.
    let problems = problems.with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(layer.with_filter(filter)).with(problems).init();
    let set_filter: SetFilter = Box::new(move |filter| {
        // It fails only if nothing is logged any more.
        let _ = set_filter.reload(filter);
    });
    let _ = SET_FILTER.set(set_filter);
    Ok(())
}

/// Logs what the level says from now on.
pub(crate) fn set_level(level: &str) {
    if let Some(set_filter) = SET_FILTER.get() {
        set_filter(log_level::filter(level).0);
    }
}

/// Writes what is left. Nothing is logged any more.
pub(crate) fn finish() {
    if let Some(thread) = THREAD.lock().unwrap_or_else(PoisonError::into_inner).take() {
        thread.finish(FLUSH_TIMEOUT);
    }
}
