//! What all methods that queue events share: how one entry gets into the queue with the settings of this moment, and
//! the reasons why an event is refused.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ext_php_rs::error::php_error;
use ext_php_rs::flags::ErrorType;
use queue::{
    AppendError, AppendOptions, EnqueueError, FileName, NewEvent, Priority, RecordName, Uid, Writer, printable,
};

use crate::exception;
use crate::globals::GLOBALS;
use crate::ini;
use crate::json::Refusal;

/// The form in which events are queued: `fastapi_websocket.queue`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// A file for each entry.
    #[default]
    Directory,
    /// A record for each entry, where the broadcaster reads them.
    Journal,
}

/// Queues entries in one directory.
pub(crate) struct Producer {
    directory: PathBuf,
}

/// What names an event for everybody that was queued. The name of a file begins with the event's uid.
pub(crate) enum Queued {
    File(FileName),
    Record(Uid),
}

/// A producer for a directory. Uids and names that are made afterwards differ from those of other processes.
pub(crate) fn producer(directory: PathBuf) -> Result<Producer, Refusal> {
    reseed_in_fork()?;
    Ok(Producer { directory })
}

impl Producer {
    /// Queues an event for everybody.
    pub(crate) fn enqueue(&self, name: &[u8], payload: &[u8]) -> Result<Queued, Refusal> {
        if GLOBALS.get().form.get() == Form::Journal {
            let uid = Uid::new();
            let (channels, ttl, key, except) = (None, None, None, None);
            let event = NewEvent { uid, name_json: name, payload_json: payload, channels, ttl, key, except };
            match self.append(&[event], Priority::Normal) {
                Ok(_name) => return Ok(Queued::Record(uid)),
                Err(AppendError::Enqueue(error)) if !is_of_lines(&error) => return Err(refused(&error)),
                // A file may hold more than a line: another name, and a few bytes. Or it has the error to report.
                Err(AppendError::Enqueue(_)) => {}
                Err(reason) => {
                    let queued = self.enqueue_as_file(name, payload)?;
                    return self.warn_once(&reason).map(|()| queued);
                }
            }
        }
        self.enqueue_as_file(name, payload)
    }

    fn enqueue_as_file(&self, name: &[u8], payload: &[u8]) -> Result<Queued, Refusal> {
        let enqueued = self.writer().enqueue(name, payload);
        enqueued.map(Queued::File).map_err(|error| refused(&error))
    }

    /// Queues events as one entry: all of them or none.
    pub(crate) fn enqueue_events(&self, events: &[NewEvent<'_>], priority: Priority) -> Result<(), Failure> {
        let is_journal = GLOBALS.get().form.get() == Form::Journal;
        let no_journal = match is_journal.then(|| self.append(events, priority)) {
            Some(Ok(_name)) => return Ok(()),
            Some(Err(AppendError::Enqueue(error))) => return Err(Failure::Enqueue(error)),
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        self.writer().enqueue_events(events, priority).map_err(Failure::Enqueue)?;
        Ok(no_journal.map_or(Ok(()), |reason| self.warn_once(&reason))?)
    }

    fn writer(&self) -> Writer {
        let globals = GLOBALS.get();
        Writer::new(&self.directory).durability(globals.durability.get()).max_event_bytes(globals.max_event_bytes.get())
    }

    fn append(&self, events: &[NewEvent<'_>], priority: Priority) -> Result<RecordName, AppendError> {
        let globals = GLOBALS.get();
        let (durability, max_event_bytes) = (globals.durability.get(), globals.max_event_bytes.get());
        let options = AppendOptions { priority, durability, max_event_bytes };
        globals.journal.borrow_mut().append(&self.directory, events, options)
    }

    /// Warns that events became files, after they did: an error handler may throw, or end the script, and nothing is
    /// lost by that.
    fn warn_once(&self, reason: &AppendError) -> Result<(), Refusal> {
        warn_once(reason, &self.directory);
        if exception::is_pending() { Err(Refusal::Thrown) } else { Ok(()) }
    }
}

/// Why events were not queued.
pub(crate) enum Failure {
    /// The queue refuses them, or cannot be written.
    Enqueue(EnqueueError),
    /// Code of PHP has thrown.
    Refusal(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refusal(refusal)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        match failure {
            Failure::Enqueue(error) => refused(&error),
            Failure::Refusal(refusal) => refusal,
        }
    }
}

/// Whether an event for everybody was refused by a limit of lines, which files of one event do not have.
fn is_of_lines(error: &EnqueueError) -> bool {
    use EnqueueError::{BadLength, NameNotAString, TooLarge};

    matches!(error, NameNotAString | BadLength { .. } | TooLarge { .. })
}

/// Warns that events become files, once in a process. It may call the script's error handler, and so any code. If that
/// ends the script, the memory that the caller holds is not freed; it happens once at most.
fn warn_once(reason: &AppendError, directory: &Path) {
    static WARNED: AtomicBool = AtomicBool::new(false);

    if WARNED.swap(true, Ordering::Relaxed) {
        return;
    }
    let remedy = match reason {
        AppendError::NoReader => "start a fastapi-broadcaster of this version on that queue, or update the one there",
        AppendError::LockedByOthers => "let programs that lock files, such as backups, leave out the journal",
        AppendError::NotWritable { .. } => {
            "that folder needs the group of PHP, the mode 2770 (when it is deleted, the broadcaster makes it so) and a \
             file system that can be written"
        }
        _ => "put the queue on a file system of this machine",
    };
    let (setting, directory) = (ini::QUEUE, directory.display().to_string());
    let directory = printable(&directory);
    let text = format!(
        "{setting} = journal has no effect on the queue {directory}: {reason}; events become files, which takes \
         longer: {remedy}, or set {setting} = directory (this is said once in a process)"
    );
    php_error(&ErrorType::Warning, &text);
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
