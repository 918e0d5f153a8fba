//! Log lines of the server's threads, which must not call PHP. They go to standard error: warnings and errors only,
//! unless `RUST_LOG` names another level.
#![allow(unsafe_code)]

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use server::log_level;
use server::log_lines::{self, LogLines, LogThread};
use tracing::warn;
use tracing_subscriber::filter::LevelFilter;

use crate::descriptors::standard_error;
use crate::process::Process;

/// How long it may take to write the last lines when a server ends.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

static SUBSCRIBED: Once = Once::new();
/// The log of this process. Never freed: a thread of a server may log at any time.
static LOG: AtomicPtr<Log> = AtomicPtr::new(ptr::null_mut());
/// The descriptor that lines are written to; a fork closes it. -1 if none is open.
static SINK: AtomicI32 = AtomicI32::new(NONE);
const NONE: RawFd = -1;

struct Log {
    lines: LogLines,
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    count: usize,
    /// None as well if there is no standard error.
    thread: Option<LogThread>,
}

/// Log lines are written until this is dropped. It must be dropped before the library is unloaded.
pub(crate) struct Logging {
    log: &'static Log,
    process: Process,
}

/// Starts logging.
///
/// # Errors
/// When the system has no thread left.
pub(crate) fn start() -> io::Result<Logging> {
    let sink = standard_error();
    let is_terminal = sink.as_ref().is_some_and(OwnedFd::is_terminal);
    let log = Log::of_this_process(is_terminal);
    let mut users = log.users();
    if users.count == 0
        && let Some(sink) = sink
    {
        SINK.store(sink.as_raw_fd(), Ordering::Relaxed);
        users.thread = Some(log.lines.write_to(sink)?);
    }
    users.count += 1;
    drop(users);
    SUBSCRIBED.call_once(|| {
        let level = log_lines::wanted_level();
        let level = level.map_or((LevelFilter::WARN, None), |level| log_level::level(&level, LevelFilter::WARN));
        let (level, unknown) = level;
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_ansi(is_terminal);
        // Internal errors are not logged, since such a line would go to the same place. `try_init` fails only if
        // another library of this process has set a subscriber already.
        let _ = subscriber.log_internal_errors(false).with_writer(|| Line).try_init();
        if let Some(unknown) = unknown {
            warn!("{unknown}");
        }
        log_lines::log_panics(|| {
            if let Some(log) = Log::current() {
                log.lines.flush(FLUSH_TIMEOUT);
            }
        });
    });
    Ok(Logging { log, process: Process::this() })
}

impl Drop for Logging {
    fn drop(&mut self) {
        if self.process.was_forked() {
            return;
        }
        let mut users = self.log.users();
        users.count -= 1;
        if users.count == 0
            && let Some(thread) = users.thread.take()
        {
            SINK.store(NONE, Ordering::Relaxed);
            thread.finish(FLUSH_TIMEOUT);
        }
    }
}

/// A fork has no thread that writes, and the lock of the lines may have been taken. Called in the child, before
/// anything else runs there.
pub(crate) fn abandon_in_child() {
    LOG.store(ptr::null_mut(), Ordering::Relaxed);
    let sink = SINK.swap(NONE, Ordering::Relaxed);
    if sink != NONE {
        // SAFETY: it belongs to a thread that does not exist here, whose memory is never released.
        unsafe { rustix::io::close(sink) };
    }
}

impl Log {
    fn current() -> Option<&'static Log> {
        // SAFETY: null, or what `of_this_process` has leaked.
        unsafe { LOG.load(Ordering::Acquire).as_ref() }
    }

    fn of_this_process(colours: bool) -> &'static Log {
        if let Some(log) = Log::current() {
            return log;
        }
        let log = Log { lines: LogLines::new(colours), users: Mutex::default() };
        let log = Box::into_raw(Box::new(log));
        match LOG.compare_exchange(ptr::null_mut(), log, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it is never freed.
            Ok(_) => unsafe { &*log },
            Err(other) => {
                // SAFETY: no other thread has seen ours, and the other one is never freed.
                unsafe {
                    drop(Box::from_raw(log));
                    &*other
                }
            }
        }
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        // Every critical section leaves them consistent, so a panic elsewhere does no harm.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line.
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // In a fork there is no thread that writes it.
        Log::current().map_or(Ok(line.len()), |log| (&log.lines).write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
