//! Log lines on their way to standard error. Logging never waits for it: a thread of its own writes. A line that finds
//! no place or cannot be written is dropped and counted, and the count is logged once lines can be written again.

use std::cell::RefCell;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use queue::printable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tracing::error;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait to be written. The writing thread may have as many again. Not a setting.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// What a pipe that has room takes at once without waiting (PIPE_BUF).
const PORTION_BYTES: usize = 4096;
/// How often a write that has to wait asks whether it is too late.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Lines that wait to be written. All clones are the same.
#[derive(Debug, Clone)]
pub struct LogLines {
    shared: Arc<Shared>,
    colours: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Notified by those who log.
    changed: Condvar,
    /// Notified by the writing thread.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines that found no place.
    dropped: u64,
    /// The thread has lines that it has not written yet.
    is_writing: bool,
    /// No longer than until then.
    end: Option<Instant>,
}

thread_local! {
    /// What the writing thread itself logs is not queued after the waiting lines.
    static NOTE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The thread that writes them.
#[derive(Debug)]
pub struct LogThread {
    lines: LogLines,
    thread: JoinHandle<()>,
}

impl LogLines {
    /// Starts empty. With `colours`, colour codes are kept; all other terminal commands are escaped.
    pub fn new(colours: bool) -> LogLines {
        LogLines { shared: Arc::default(), colours }
    }

    /// Starts the thread that writes them to `sink`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn write_to(&self, sink: OwnedFd) -> io::Result<LogThread> {
        self.lock().end = None;
        let lines = self.clone();
        let thread = Builder::new().name("log".to_owned()).spawn(move || lines.run(Sink { sink, is_torn: false }))?;
        Ok(LogThread { lines: self.clone(), thread })
    }

    /// Waits until all lines are written, but no longer than `timeout`.
    pub fn flush(&self, timeout: Duration) {
        let is_pending = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // If the time is over these lines are lost, and there is no place to report it.
        drop(self.shared.written.wait_timeout_while(self.lock(), timeout, is_pending));
    }

    fn add(&self, line: &[u8]) {
        let line = self.in_one_line(line);
        let mut waiting = self.lock();
        if waiting.lines.len() + line.len() > MAX_WAITING_BYTES {
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line.as_bytes());
        drop(waiting);
        self.shared.changed.notify_one();
    }

    /// A line without control characters, whatever it is about: it may be what a client has sent, or the name of a
    /// file.
    fn in_one_line(&self, line: &[u8]) -> String {
        let line = String::from_utf8_lossy(line);
        let line = line.strip_suffix('\n').unwrap_or(&line);
        let mut printed = String::with_capacity(line.len() + 1);
        let mut rest = line;
        // The subscriber escapes those that stand in values.
        while self.colours
            && let Some(start) = rest.find("\x1b[")
            && let Some(length) = rest[start..].find('m')
            && rest[start + 2..start + length].bytes().all(|byte| byte.is_ascii_digit() || byte == b';')
        {
            let (text, from) = rest.split_at(start);
            let (colour, from) = from.split_at(length + 1);
            printed += &printable(text);
            printed += colour;
            rest = from;
        }
        printed += &printable(rest);
        printed.push('\n');
        printed
    }

    fn run(&self, mut sink: Sink) {
        NOTE.set(Some(Vec::new()));
        let mut lines = Vec::new();
        let mut lost = 0;
        while self.take(&mut lines, &mut lost) {
            let is_late = || self.lock().end.is_some_and(|end| end <= Instant::now());
            match sink.write(&lines, is_late) {
                Ok(()) if lost == 0 => {}
                Ok(()) => {
                    error!(lines = lost, "log lines were dropped, they could not be written to standard error");
                    let note = NOTE.take().unwrap_or_default();
                    NOTE.set(Some(Vec::new()));
                    if sink.write(&note, is_late).is_ok() {
                        lost = 0;
                    }
                }
                Err(written) => {
                    let is_end = |byte: &&u8| **byte == b'\n';
                    lost += lines[written..].iter().filter(is_end).count() as u64;
                }
            }
        }
    }

    /// Waits for lines and takes them. False if there are none and none will come.
    fn take(&self, lines: &mut Vec<u8>, lost: &mut u64) -> bool {
        lines.clear();
        let mut waiting = self.lock();
        waiting.is_writing = false;
        self.shared.written.notify_all();
        let is_idle = |waiting: &mut Waiting| waiting.lines.is_empty() && waiting.end.is_none();
        waiting = self.shared.changed.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, lines);
        *lost += std::mem::take(&mut waiting.dropped);
        waiting.is_writing = !lines.is_empty();
        waiting.is_writing
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // It stays consistent in every critical section, so a poisoned mutex can be used.
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogThread {
    /// Ends the thread when it has written all lines, or after `timeout`: a pipe that nobody reads does not delay the
    /// end.
    pub fn finish(self, timeout: Duration) {
        self.lines.lock().end = Some(Instant::now() + timeout);
        self.lines.shared.changed.notify_one();
        self.lines.flush(timeout + 4 * LOOK_INTERVAL);
        // Another process that writes to the same pipe may have taken the room that there was: such a write ends when
        // somebody reads.
        if self.thread.is_finished() || !self.lines.lock().is_writing {
            // It logs what it has to say, and cannot have panicked otherwise.
            let _ = self.thread.join();
        }
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = &'a LogLines;

    fn make_writer(&'a self) -> &'a LogLines {
        self
    }
}

/// Takes one whole line a call, and never fails.
impl Write for &LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_note = NOTE.with_borrow_mut(|note| note.as_mut().map(|note| note.extend_from_slice(line)).is_some());
        if !is_note {
            self.add(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where lines are written to.
struct Sink {
    sink: OwnedFd,
    /// What was written last was no whole line.
    is_torn: bool,
}

impl Sink {
    /// Writes lines. Otherwise returns how many bytes of them were written.
    fn write(&mut self, lines: &[u8], is_late: impl Fn() -> bool) -> Result<(), usize> {
        if self.is_torn {
            write_all(&self.sink, b"\n", &is_late)?;
            self.is_torn = false;
        }
        write_all(&self.sink, lines, is_late)
            .inspect_err(|written| self.is_torn = *written > 0 && lines[*written - 1] != b'\n')
    }
}

/// Writes without waiting for longer than until it is late. Otherwise returns how many bytes were written.
///
/// The descriptor is as it is: others have the same open file, and would not expect that it does not block.
fn write_all(sink: impl AsFd, bytes: &[u8], is_late: impl Fn() -> bool) -> Result<(), usize> {
    let mut written = 0;
    let interval = Timespec { tv_sec: 0, tv_nsec: LOOK_INTERVAL.subsec_nanos().into() };
    while written < bytes.len() {
        let portion = &bytes[written..bytes.len().min(written + PORTION_BYTES)];
        match poll(&mut [PollFd::new(&sink, PollFlags::OUT)], Some(&interval)) {
            Ok(0) | Err(Errno::INTR) => {}
            _ => match rustix::io::write(&sink, portion) {
                Ok(0) => return Err(written),
                Ok(count) => {
                    written += count;
                    continue;
                }
                // Somebody else was faster.
                Err(Errno::AGAIN) => std::thread::sleep(LOOK_INTERVAL),
                Err(Errno::INTR) => {}
                Err(_) => return Err(written),
            },
        }
        if is_late() {
            return Err(written);
        }
    }
    Ok(())
}

/// Writes why a process ends to standard error, if that takes it within `timeout`.
pub fn write_exit_message(message: &str, timeout: Duration) {
    let late = Instant::now() + timeout;
    // If it cannot be written, the exit code is all that is left.
    let _ = write_all(io::stderr(), message.as_bytes(), || late <= Instant::now());
}

/// What is to be logged, by the variable RUST_LOG. An empty one, as Compose makes them, is not set.
pub fn wanted_level() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|level| !level.trim().is_empty())
}

/// Logs panics instead of printing them, which would wait for the reader of standard error. `flush` is called before
/// the panic goes on: it may end the process.
pub fn log_panics(flush: impl Fn() + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref().map(String::as_str));
        let panicked = text.unwrap_or("no message");
        let location = panic.location().map(tracing::field::display);
        error!(thread, location, panicked, "thread panicked");
        // The writing thread would wait for itself.
        if NOTE.with_borrow(Option::is_none) {
            flush();
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters_but_colours() {
        let line = b"\x1b[2m2026\x1b[0m \x1b[31;1mERROR\x1b[0m a\nb\x1b[2J\x1b[0mc\xff\n";
        assert_eq!(
            LogLines::new(true).in_one_line(line),
            "\x1b[2m2026\x1b[0m \x1b[31;1mERROR\x1b[0m a\\nb\\u001b[2J\\u001b[0mc\u{fffd}\n"
        );
        assert_eq!(LogLines::new(false).in_one_line(b"\x1b[2ma\r"), "\\u001b[2ma\\r\n");
    }
}
