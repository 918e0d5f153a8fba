//! The consumer's end: which entries wait, in which order, and what becomes of each.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::entry::{Entry, EntryError, EntryName, QueuedAt};
use crate::entry_file::{self, Content};
use crate::error::{AckError, OpenError, RejectError, ScanError};
use crate::failed;
use crate::layout::{self, Now};
use crate::lock::{self, Ownership};
use crate::writer::DEFAULT_MAX_EVENT_BYTES;

/// Limits of a [`Reader`].
#[derive(Debug, Clone)]
pub struct ReaderOptions {
    /// Largest entry in bytes; a larger one is rejected unread.
    pub max_event_bytes: u64,
    /// How long a file that does not parse may still be growing before it is rejected.
    pub grace: Duration,
    /// How many names are held in memory. A longer backlog is listed in as many passes as it takes.
    pub index_entries: usize,
}

impl Default for ReaderOptions {
    fn default() -> ReaderOptions {
        ReaderOptions {
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES as u64,
            grace: Duration::from_secs(5),
            index_entries: 262_144,
        }
    }
}

/// The one consumer of a queue directory. Its lock ends with the value, or with the process.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    ownership: Ownership,
    options: ReaderOptions,
    /// Found and not yet scanned, oldest first.
    index: BTreeSet<Indexed>,
    /// There may be entries that the index lacks and that nobody will tell of: only a listing finds them.
    lost_track: bool,
    /// Scanned, and neither acked nor rejected: they must not be found again.
    outstanding: HashSet<EntryName>,
    /// Seen by the latest listing, but too new for it to be sure that nothing older is missing.
    unsettled: HashSet<EntryName>,
    /// Where files are read into.
    buffer: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Indexed {
    queued_at: QueuedAt,
    name: EntryName,
}

impl Reader {
    /// Takes possession of the directory.
    ///
    /// # Errors
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader.
    pub fn open(path: impl Into<PathBuf>, options: ReaderOptions) -> Result<Reader, OpenError> {
        let path = path.into();
        let directory = open_directory(&path)?;
        let ownership = Ownership::take(&path, directory)?;
        Ok(Reader {
            path,
            ownership,
            options,
            index: BTreeSet::new(),
            lost_track: true,
            outstanding: HashSet::new(),
            unsettled: HashSet::new(),
            buffer: Vec::new(),
        })
    }

    /// Tells whether some reader owns a directory. The answer may be old when it arrives.
    pub fn is_owned(path: &Path) -> bool {
        lock::is_taken(path)
    }

    /// Looks whether [`open`](Self::open) would take the directory if nobody owned it. Leaves nothing behind there.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), but that it is owned.
    pub fn check(path: &Path) -> Result<(), OpenError> {
        let directory = open_directory(path)?;
        lock::check(path, directory.as_fd())
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lists the directory if everything that was found before is scanned, and returns the next entries in the order of
    /// queueing: at most `max_entries`, and no more once they have reached `max_bytes`. Empty means that none waits.
    ///
    /// Each must be [acked](Self::ack) or [rejected](Self::reject); until then it is not returned again. A file that does
    /// not parse yet is left for a later scan until its grace is over.
    ///
    /// # Errors
    /// When the directory or a file in it cannot be read. Nothing is lost: a later scan begins where this one ended.
    pub fn scan(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        self.lose_track();
        self.scan_followed(max_entries, max_bytes)
    }

    /// The same for a caller that [follows](Self::follow) the directory: lists it only if that is needed.
    ///
    /// # Errors
    /// Those of [`scan`](Self::scan).
    pub fn scan_followed(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        if self.index.is_empty() && (self.lost_track || !self.unsettled.is_empty()) {
            self.list()?;
            if self.index.is_empty() && !self.unsettled.is_empty() {
                self.list()?; // Whatever the first listing found is settled now.
            }
        }
        self.take(max_entries, max_bytes)
    }

    /// Takes note of a file that has appeared or was completed, so that no listing is needed to find it.
    ///
    /// Every such file has to be told of, in the order of their appearance, beginning before the first scan; whoever
    /// missed some calls [`lose_track`](Self::lose_track) before going on.
    pub fn follow(&mut self, file: &OsStr) {
        // What came in between must not be overtaken; the next listing has this file as well.
        if self.lost_track || !layout::is_entry(file) {
            return;
        }
        if self.index.len() >= self.options.index_entries {
            self.lose_track();
            return;
        }
        let name = EntryName::new(file);
        self.unsettled.remove(&name);
        if !self.outstanding.contains(&name) {
            let queued_at = entry_file::queued_at(self.ownership.directory(), &name, &self.options);
            self.index.insert(Indexed { queued_at, name });
        }
    }

    /// Notes that files may have appeared that were not told of: the directory is listed before anything newer is read.
    pub fn lose_track(&mut self) {
        self.lost_track = true;
    }

    /// Deletes an entry that was delivered. One that is gone already counts as deleted.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub fn ack(&mut self, name: &EntryName) -> Result<(), AckError> {
        match rustix::fs::unlinkat(self.ownership.directory(), name.as_os_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {
                self.outstanding.remove(name);
                Ok(())
            }
            Err(errno) => Err(AckError { path: self.path.join(name.as_os_str()), cause: errno.into() }),
        }
    }

    /// Moves an entry to the failed folder, with the reason in a text file beside it.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub fn reject(&mut self, name: &EntryName, reason: &EntryError) -> Result<(), RejectError> {
        failed::put_aside(self.ownership.directory(), name, reason)
            .map_err(|cause| RejectError { path: self.path.join(name.as_os_str()), cause })?;
        self.outstanding.remove(name);
        Ok(())
    }

    /// Tells whether the path still names the directory that was opened. When it was deleted, renamed or replaced, open a
    /// new reader.
    pub fn is_current(&self) -> bool {
        let same = |ours: Stat, named: Stat| (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino);
        matches!(
            (rustix::fs::fstat(self.ownership.directory()), rustix::fs::stat(&self.path)),
            (Ok(ours), Ok(named)) if same(ours, named)
        )
    }

    /// Tells whether the lock file is there, and is the one that this reader has locked.
    pub fn has_lock_file(&self) -> bool {
        self.ownership.has_its_file()
    }

    /// Tells whether nothing but the lock file keeps others out: on a file system without locks on directories.
    pub fn needs_lock_file(&self) -> bool {
        self.ownership.needs_its_file()
    }

    /// Makes and locks the lock file again if it was deleted or replaced. Returns whether it was.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else has locked the new one: that would be a broadcaster of a build that knows of
    /// no other lock.
    pub fn keep_lock(&mut self) -> Result<bool, OpenError> {
        self.ownership.keep(&self.path)
    }

    /// Reads the oldest entries of the index.
    fn take(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while entries.len() < max_entries && bytes < max_bytes {
            let Some(indexed) = self.index.pop_first() else { break };
            // A file of another producer that was told of twice can be in the index by two times.
            if self.outstanding.contains(&indexed.name) {
                continue;
            }
            match entry_file::read(self.ownership.directory(), &indexed.name, &self.options, &mut self.buffer) {
                Ok(Content::Gone | Content::Incomplete) => {}
                Ok(Content::Read(event)) => {
                    // A message has keys that a short entry may lack.
                    bytes += self.buffer.len() as u64 + 64;
                    self.outstanding.insert(indexed.name.clone());
                    entries.push(Entry { name: indexed.name, event });
                }
                Err(errno) => {
                    let path = self.path.join(indexed.name.as_os_str());
                    self.index.insert(indexed);
                    if entries.is_empty() {
                        return Err(ScanError { path, cause: errno.into() });
                    }
                    break;
                }
            }
        }
        Ok(entries)
    }

    /// Lists the directory into the index.
    ///
    /// A listing shows every file that was there before it began, but of those that appear meanwhile it may show a later
    /// one and miss an earlier one of the same producer. An entry is therefore believed only if it was queued before the
    /// listing began, if the previous listing showed it, too, or if it is told of ([`Self::follow`]).
    fn list(&mut self) -> Result<(), ScanError> {
        let began = Now::read().queued_at();
        let unreadable = |errno: Errno| ScanError { path: self.path.clone(), cause: errno.into() };
        let mut settled = Vec::new();
        let mut unsettled = HashSet::new();
        let mut complete = true;
        for file in Dir::read_from(self.ownership.directory()).map_err(unreadable)? {
            let file = file.map_err(unreadable)?;
            let name = OsStr::from_bytes(file.file_name().to_bytes());
            if layout::is_temporary(name) {
                entry_file::sweep(self.ownership.directory(), name);
            }
            if !layout::is_entry(name) {
                continue;
            }
            let name = EntryName::new(name);
            if self.outstanding.contains(&name) {
                continue;
            }
            let queued_at = entry_file::queued_at(self.ownership.directory(), &name, &self.options);
            if queued_at < began || self.unsettled.contains(&name) {
                settled.push(Indexed { queued_at, name });
                if settled.len() >= 2 * self.options.index_entries {
                    complete &= keep_oldest(&mut settled, self.options.index_entries);
                }
            } else if unsettled.len() < self.options.index_entries {
                unsettled.insert(name);
            } else {
                complete = false;
            }
        }
        complete &= keep_oldest(&mut settled, self.options.index_entries);
        self.index = settled.into_iter().collect();
        self.unsettled = unsettled;
        self.lost_track = !complete;
        Ok(())
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, OpenError> {
    let io = |doing, cause: Errno| OpenError::Io { doing, path: path.to_owned(), cause: cause.into() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => OpenError::Missing(path.to_owned()),
        Errno::NOTDIR => OpenError::NotADirectory(path.to_owned()),
        errno => io("read the queue directory", errno),
    })?;
    let stat = rustix::fs::fstat(&directory).map_err(|errno| io("read the queue directory", errno))?;
    if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
        return Err(OpenError::WorldWritable(path.to_owned()));
    }
    rustix::fs::accessat(&directory, ".", rustix::fs::Access::WRITE_OK, AtFlags::EACCESS)
        .map_err(|errno| io("delete entries in the queue directory", errno))?;
    Ok(directory)
}

/// Drops the newest beyond a count. Returns whether there were none.
fn keep_oldest(indexed: &mut Vec<Indexed>, count: usize) -> bool {
    if indexed.len() <= count {
        return true;
    }
    indexed.select_nth_unstable(count);
    indexed.truncate(count);
    false
}
