//! The producer's side: writes one or several events as a complete entry, or writes nothing.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::descriptor::DIRECTORY;
use crate::directory::create::create_directory;
use crate::directory::entry::FileName;
use crate::directory::naming;
use crate::error::EnqueueError;
use crate::event;
use crate::layout::{self, Form};
use crate::new_event::{self, NewEvent};
use crate::priority::Priority;
use crate::queue_path;
use crate::queued_at::Now;

/// What of an entry is on the disk, and not only in the kernel's memory, when `enqueue` returns.
///
/// With every level the entry survives a crash of any process. They differ when the machine loses power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is forced to disk.
    #[default]
    None,
    /// The content is on the disk; the name may still be lost.
    Data,
    /// Content and name are on the disk.
    Full,
}

/// Writes entries into one queue directory. Holds no descriptor, so a new value for each call is cheap.
#[derive(Debug, Clone)]
pub struct Writer {
    path: PathBuf,
    durability: Durability,
    max_event_bytes: usize,
}

/// Limit of an entry, in bytes, unless another is set: 1 MiB.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 1024 * 1024;

impl Writer {
    /// A writer for the directory `path`, which is created by the first event.
    pub fn new(path: impl Into<PathBuf>) -> Writer {
        Writer { path: path.into(), durability: Durability::None, max_event_bytes: DEFAULT_MAX_EVENT_BYTES }
    }

    /// Sets what must be on disk when `enqueue` returns.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Writer {
        self.durability = durability;
        self
    }

    /// Sets the largest entry in bytes, envelope included.
    #[must_use]
    pub fn max_event_bytes(mut self, max_event_bytes: usize) -> Writer {
        self.max_event_bytes = max_event_bytes;
        self
    }

    /// Queues an event for everybody. `name_json` and `payload_json` are complete JSON texts; they are not validated.
    ///
    /// Entries that one thread queues are delivered in the order of its calls.
    ///
    /// # Errors
    /// When the event is too large, or the directory cannot be created or written. Nothing is left behind then.
    pub fn enqueue(&self, name_json: &[u8], payload_json: &[u8]) -> Result<FileName, EnqueueError> {
        let now = Now::read();
        let content = event::encode(name_json, payload_json, now);
        if content.len() > self.max_event_bytes {
            return Err(EnqueueError::TooLarge { size: content.len(), limit: self.max_event_bytes });
        }
        self.write(&content, now, Form::Event)
    }

    /// Queues several events, or one that is not for everybody, in one entry: all of them or none. They are queued at
    /// this moment.
    ///
    /// Entries of one priority that one thread queues are delivered in the order of its calls.
    ///
    /// # Errors
    /// When there is no event or there are more than 1,000, when an event has no channel or more than 100 in its list,
    /// when they are too large (together, and together times the most channels of one), or when the directory cannot
    /// be created or written. Nothing is left behind then.
    pub fn enqueue_events(&self, events: &[NewEvent<'_>], priority: Priority) -> Result<FileName, EnqueueError> {
        let now = Now::read();
        let content = new_event::encode(events, now, self.max_event_bytes)?;
        self.write(&content, now, Form::Lines(priority))
    }

    fn write(&self, content: &[u8], now: Now, form: Form) -> Result<FileName, EnqueueError> {
        queue_path::check_path(self.path.as_os_str().as_bytes())?;
        match self.publish(content, now, form) {
            Err(Errno::NOENT) => {
                create_directory(&self.path)
                    .map_err(|cause| EnqueueError::create_directory(self.path.clone(), cause))?;
                self.publish(content, now, form)
            }
            published => published,
        }
        .map_err(|errno| EnqueueError::write(self.path.clone(), errno.into()))
    }

    fn publish(&self, content: &[u8], now: Now, form: Form) -> Result<FileName, Errno> {
        let name = if naming::is_impossible() {
            self.publish_by_rename(content, now, form)?
        } else {
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            match rustix::fs::open(&self.path, flags, Mode::from_raw_mode(layout::ENTRY_MODE)) {
                Ok(file) => self.publish_by_link(&file, content, now, form)?,
                // Not every file system has unnamed files. Those that ignore the flag answer EISDIR.
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => self.publish_by_rename(content, now, form)?,
                Err(errno) => return Err(errno),
            }
        };
        if self.durability == Durability::Full {
            self.sync_directory().inspect_err(|_| {
                // The caller gets the error that the event was not queued, so it must not be delivered.
                let _ = rustix::fs::unlink(self.path.join(name.as_os_str()));
            })?;
        }
        Ok(name)
    }

    fn sync_directory(&self) -> Result<(), Errno> {
        rustix::fs::open(&self.path, DIRECTORY, Mode::empty()).and_then(rustix::fs::fsync)
    }

    fn fill(&self, file: &OwnedFd, content: &[u8]) -> Result<(), Errno> {
        let mut rest = content;
        while !rest.is_empty() {
            match rustix::io::write(file, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        match self.durability {
            Durability::None => Ok(()),
            Durability::Data => rustix::fs::fdatasync(file),
            Durability::Full => rustix::fs::fsync(file),
        }
    }

    fn publish_by_link(&self, file: &OwnedFd, content: &[u8], now: Now, form: Form) -> Result<FileName, Errno> {
        set_mode(file);
        self.fill(file, content)?;
        match self.name_by(now, form, |target| naming::link(file, target)) {
            Err(errno) if !matches!(errno, Errno::NOSPC | Errno::DQUOT | Errno::IO) => {
                // Whatever the cause is, a file with a name from the beginning may work, or its error is clearer.
                let name = self.publish_by_rename(content, now, form)?;
                naming::note_impossible(file);
                Ok(name)
            }
            named => named,
        }
    }

    fn publish_by_rename(&self, content: &[u8], now: Now, form: Form) -> Result<FileName, Errno> {
        let temporary = self.path.join(layout::temporary_name(FileName::at(now, form).as_os_str()));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(&temporary, flags, Mode::from_raw_mode(layout::ENTRY_MODE))?;
        set_mode(&file);
        self.fill(&file, content)
            .and_then(|()| self.name_by(now, form, |target| naming::publish(CWD, &temporary, CWD, target)))
            .inspect_err(|_| {
                // The first error is the one to report. The consumer deletes a temporary file that stays.
                let _ = rustix::fs::unlink(&temporary);
            })
    }

    /// Makes new names until one is free.
    fn name_by(&self, now: Now, form: Form, give: impl Fn(&Path) -> Result<(), Errno>) -> Result<FileName, Errno> {
        loop {
            let name = FileName::at(now, form);
            match give(&self.path.join(name.as_os_str())) {
                Err(Errno::EXIST) => {} // Two processes make the same name only after a fork without `reseed`. The next name differs.
                given => return given.map(|()| name),
            }
        }
    }
}

/// Sets the mode of an entry, from which the umask removed bits: the broadcaster may be another user of the group.
fn set_mode(file: &OwnedFd) {
    let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
    // Reading the mode is much cheaper than setting it, and it is seldom wrong. File systems with fixed modes refuse to
    // set it, and the entry is then readable as far as that file system allows.
    if rustix::fs::fstat(file).is_ok_and(|stat| Mode::from_raw_mode(stat.st_mode) != mode) {
        let _ = rustix::fs::fchmod(file, mode);
    }
}
