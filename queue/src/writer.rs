//! The producer's end: an event becomes an entry, whole or not at all.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::entry::{self, EntryName};
use crate::error::EnqueueError;
use crate::layout::{self, Now};

/// How much of an entry is on the disk, and not only in the kernel's memory, when `enqueue` returns.
///
/// All of them survive the death of any process; they differ when the machine loses power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is forced to disk.
    #[default]
    None,
    /// The entry's content is; its name may still be lost.
    Data,
    /// Content and name are.
    Full,
}

/// Writes entries into one queue directory. Holds no descriptor: a value per call costs nothing.
#[derive(Debug, Clone)]
pub struct Writer {
    path: PathBuf,
    durability: Durability,
    max_event_bytes: usize,
}

/// Limit of an entry, in bytes, unless another is set: 1 MiB.
pub(crate) const DEFAULT_MAX_EVENT_BYTES: usize = 1024 * 1024;

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

    /// Queues an event. `name_json` and `payload_json` are complete JSON texts; they are not validated.
    ///
    /// Entries that one thread queues are delivered in the order of its calls.
    ///
    /// # Errors
    /// When the event is too large, or the directory cannot be created or written. Nothing is left behind then.
    pub fn enqueue(&self, name_json: &[u8], payload_json: &[u8]) -> Result<EntryName, EnqueueError> {
        self.check_path()?;
        let now = Now::read();
        let content = entry::encode(name_json, payload_json, now);
        if content.len() > self.max_event_bytes {
            return Err(EnqueueError::TooLarge { size: content.len(), limit: self.max_event_bytes });
        }
        match self.publish(&content, now) {
            Err(Errno::NOENT) => {
                create_directory(&self.path)
                    .map_err(|cause| EnqueueError::CreateDirectory { path: self.path.clone(), cause })?;
                self.publish(&content, now)
            }
            published => published,
        }
        .map_err(|errno| EnqueueError::Write { path: self.path.clone(), cause: errno.into() })
    }

    fn check_path(&self) -> Result<(), EnqueueError> {
        let path = self.path.as_os_str().as_bytes();
        if path.is_empty() {
            return Err(EnqueueError::EmptyPath);
        }
        if path.contains(&0) {
            return Err(EnqueueError::NulInPath);
        }
        Ok(())
    }

    fn publish(&self, content: &[u8], now: Now) -> Result<EntryName, Errno> {
        let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
        let name = match rustix::fs::open(&self.path, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode) {
            Ok(file) => {
                self.fill(&file, content)?;
                self.link(&file, now)?
            }
            // Not every file system has unnamed files; EISDIR is the answer of those that ignore the flag.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => self.publish_by_rename(content, now)?,
            Err(errno) => return Err(errno),
        };
        if self.durability == Durability::Full {
            self.sync_directory().inspect_err(|_| {
                // The caller is told that the event was not queued, so it must not be delivered either.
                let _ = rustix::fs::unlink(self.path.join(name.as_os_str()));
            })?;
        }
        Ok(name)
    }

    fn sync_directory(&self) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.path, flags, Mode::empty()).and_then(rustix::fs::fsync)
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

    fn link(&self, file: &OwnedFd, now: Now) -> Result<EntryName, Errno> {
        loop {
            let name = layout::new_entry_name(now);
            match link_unnamed(file, &self.path.join(name.as_os_str())) {
                Err(Errno::EXIST) => {} // Processes can draw the same name only after a fork without `draw_anew`; the next one differs.
                linked => return linked.map(|()| name),
            }
        }
    }

    fn publish_by_rename(&self, content: &[u8], now: Now) -> Result<EntryName, Errno> {
        let name = layout::new_entry_name(now);
        let temporary = self.path.join(layout::temporary_name(&name));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(&temporary, flags, Mode::from_raw_mode(layout::ENTRY_MODE))?;
        let renamed =
            self.fill(&file, content).and_then(|()| rustix::fs::rename(&temporary, self.path.join(name.as_os_str()))); // the commit point
        match renamed {
            Ok(()) => Ok(name),
            Err(errno) => {
                // The error that matters is the first one; a temporary file that stays is swept by the consumer.
                let _ = rustix::fs::unlink(&temporary);
                Err(errno)
            }
        }
    }
}

/// Gives an unnamed file its name: the commit point of an entry.
fn link_unnamed(file: &OwnedFd, target: &Path) -> Result<(), Errno> {
    // Naming a file by its descriptor alone needs Linux 6.10 or a capability. The answer cannot change while we run, and
    // asking again would cost every event a system call.
    static BY_DESCRIPTOR: AtomicBool = AtomicBool::new(true);
    if BY_DESCRIPTOR.load(Ordering::Relaxed) {
        match rustix::fs::linkat(file.as_fd(), "", CWD, target, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {}
            answered => return answered,
        }
    }
    let alias = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    let linked = rustix::fs::linkat(CWD, alias, CWD, target, AtFlags::SYMLINK_FOLLOW);
    if linked.is_ok() {
        BY_DESCRIPTOR.store(false, Ordering::Relaxed);
    }
    linked
}

/// Creates a queue directory and its parents, writable for owner and group, with the set-group-id bit so that entries
/// belong to the directory's group. Leaves a directory that exists as it is.
///
/// # Errors
/// What the system said.
pub fn create_directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(layout::DIRECTORY_MODE).create(path) {
        // The mode given to mkdir is cut by the umask, and the broadcaster of the same group must be able to delete.
        Ok(()) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(layout::DIRECTORY_MODE)),
        // Two producers may create it at once. What else exists there, the write that follows tells.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
