//! The consumer's end: which entries wait, in which order, and what becomes of each.

mod listing;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use crate::attempt;
use crate::clock::Clock;
use crate::deletion::{self, Deleted};
use crate::descriptor::{DIRECTORY, clear_of_standard, is_same_file};
use crate::entry::{Entry, EntryError, EntryName, QueuedAt};
use crate::entry_file::{self, Found, Stamp};
use crate::error::{AckError, OpenError, RejectError, ScanError};
use crate::failed::{self, Rejected};
use crate::first_start;
use crate::layout;
use crate::lock::{self, Ownership};
use crate::put_off::{LeaveReason, PutOff};
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
    outstanding: HashMap<EntryName, Stamp>,
    /// Looked at and left where they are.
    put_off: PutOff,
    /// Files that are no attempts at events and were not reported: the first, and how many.
    other_files: Option<OtherFiles>,
    clock: Clock,
    /// Seen by the latest listing, but too new for it to be sure that nothing older is missing.
    unsettled: HashSet<EntryName>,
    /// Where files are read into.
    buffer: Vec<u8>,
}

/// Files in the directory that are no attempts at events. They are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFiles {
    /// One of them.
    pub name: EntryName,
    /// How many there are.
    pub files: usize,
    /// Why that one cannot be read, if that is so. It is tried again.
    pub problem: Option<String>,
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
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader; or when nobody
    /// consumed it before and it holds other files than entries.
    pub fn open(path: impl Into<PathBuf>, options: ReaderOptions) -> Result<Reader, OpenError> {
        let path = path.into();
        let directory = open_directory(&path)?;
        // Before the lock file is made, which shows from then on that the directory was consumed.
        first_start::check(&path, &directory, options.max_event_bytes)?;
        Reader::take_possession(path, directory, options)
    }

    /// Takes possession of what the path names now, after it was deleted or replaced.
    ///
    /// # Errors
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader.
    pub fn reopen(&self) -> Result<Reader, OpenError> {
        Reader::take_possession(self.path.clone(), open_directory(&self.path)?, self.options.clone())
    }

    fn take_possession(path: PathBuf, directory: OwnedFd, options: ReaderOptions) -> Result<Reader, OpenError> {
        let ownership = Ownership::take(&path, directory)?;
        // What cannot be restored now can be at the next deletion, or by the next reader.
        let _ = deletion::restore(ownership.directory());
        Ok(Reader {
            path,
            ownership,
            index: BTreeSet::new(),
            lost_track: true,
            outstanding: HashMap::new(),
            put_off: PutOff::new(options.index_entries),
            other_files: None,
            clock: Clock::start(),
            unsettled: HashSet::new(),
            buffer: Vec::new(),
            options,
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
    pub fn check(path: &Path, max_event_bytes: u64) -> Result<(), OpenError> {
        let directory = open_directory(path)?;
        first_start::check(path, &directory, max_event_bytes)?;
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
    /// Every such file has to be reported, in the order of their appearance, beginning before the first scan; whoever
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
        // If that name is used again, it shows when the entry is acked.
        if !self.outstanding.contains_key(&name) {
            self.index(name);
        }
    }

    fn index(&mut self, name: EntryName) {
        let queued_at = entry_file::queued_at(self.ownership.directory(), &name, self.options.max_event_bytes);
        self.index.insert(Indexed { queued_at, name });
    }

    /// Notes that files may have appeared that were not reported: the directory is listed before anything newer is read.
    pub fn lose_track(&mut self) {
        self.lost_track = true;
    }

    /// Deletes an entry that was delivered. One that is gone already counts as deleted; what somebody wrote meanwhile under the
    /// same name is another entry, and waits.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub fn ack(&mut self, name: &EntryName) -> Result<(), AckError> {
        let Some((name, scanned)) = self.outstanding.remove_entry(name) else { return Ok(()) };
        match deletion::delete(self.ownership.directory(), &name, scanned) {
            Ok(Deleted::Gone) => self.put_off.forget(&name),
            Ok(Deleted::UsedAgain(new)) => self.index(new),
            Err(errno) => {
                let path = self.path.join(name.as_os_str());
                self.outstanding.insert(name, scanned);
                return Err(AckError { path, cause: errno.into() });
            }
        }
        Ok(())
    }

    /// Moves an entry to the failed folder, with the reason in a text file beside it. What somebody wrote meanwhile under the
    /// same name is another entry, and waits.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub fn reject(&mut self, name: &EntryName, reason: &EntryError) -> Result<Rejected, RejectError> {
        let now = || Stamp::of(self.ownership.directory(), name);
        if self.outstanding.get(name).is_some_and(|scanned| now().is_some_and(|now| now != *scanned)) {
            self.outstanding.remove(name);
            self.index(name.clone());
            return Ok(Rejected::NotThere);
        }
        let rejected = failed::put_aside(self.ownership.directory(), name, reason).map_err(|cause| RejectError {
            path: self.path.join(name.as_os_str()),
            folder: self.path.join(layout::FAILED),
            cause,
        })?;
        self.outstanding.remove(name);
        self.put_off.forget(name);
        Ok(rejected)
    }

    /// Leaves an entry where it is that cannot be put aside. It is outstanding no more, and found again when it has changed or
    /// is [to be tried again](Self::retry_unrejectable).
    pub fn leave_unrejectable(&mut self, name: &EntryName) {
        if let Some(stamp) = self.outstanding.remove(name) {
            self.put_off.leave(name, stamp, LeaveReason::CannotReject, Instant::now());
        }
    }

    /// Lets some of those that could not be put aside be found again.
    pub fn retry_unrejectable(&mut self, count: usize) {
        for name in self.put_off.take_unrejectable(count) {
            if !self.outstanding.contains_key(&name) {
                self.index(name);
            }
        }
    }

    /// Tells whether there are entries that could not be put aside.
    pub fn has_unrejectable(&self) -> bool {
        self.put_off.has_unrejectable()
    }

    /// The files that are no attempts at events and that were found since the last call. They stay where they are.
    pub fn take_other_files(&mut self) -> Option<OtherFiles> {
        self.other_files.take()
    }

    /// Tells whether the path still names the directory that was opened. When it was deleted, renamed or replaced, open a
    /// new reader.
    pub fn is_current(&self) -> bool {
        matches!(
            (rustix::fs::fstat(self.ownership.directory()), rustix::fs::stat(&self.path)),
            (Ok(ours), Ok(named)) if is_same_file(&ours, &named)
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
    /// When it cannot be made, or somebody else has locked the new one: that would be an older version of the broadcaster, which
    /// knows of no other lock.
    pub fn keep_lock(&mut self) -> Result<bool, OpenError> {
        self.ownership.keep(&self.path)
    }

    /// Reads the oldest entries of the index.
    fn take(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while entries.len() < max_entries && bytes < max_bytes {
            let Some(indexed) = self.index.pop_first() else { break };
            // A file of another producer that was reported twice can be in the index by two times.
            if self.outstanding.contains_key(&indexed.name) {
                continue;
            }
            let (directory, limit) = (self.ownership.directory(), self.options.max_event_bytes);
            match entry_file::read(directory, &indexed.name, limit, &mut self.buffer) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    if found.event.as_ref().is_err_and(|error| self.leaves(&indexed.name, found.stamp, error)) {
                        continue;
                    }
                    let Found { stamp, event } = found;
                    // A message has keys that a short entry may lack.
                    bytes += self.buffer.len() as u64 + 64;
                    self.outstanding.insert(indexed.name.clone(), stamp);
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

    /// Decides whether a file that is no event is left where it is: because it may still become one, or is not ours.
    fn leaves(&mut self, name: &EntryName, stamp: Stamp, error: &EntryError) -> bool {
        let now = Instant::now();
        if error.may_pass() {
            // What is certain: what the file says of itself, and how long it has been seen as it is.
            let known = self.put_off.unchanged_for(name, stamp, now);
            let age = self.clock.age(stamp.modified()).max(known);
            if let Some(rest) = self.options.grace.checked_sub(age).filter(|rest| !rest.is_zero()) {
                self.put_off.leave(name, stamp, LeaveReason::MayGrow(rest), now);
                return true;
            }
        }
        if attempt::is_attempt(name, &self.buffer) {
            return false;
        }
        let reason = match error {
            EntryError::Unreadable(_) => LeaveReason::Unreadable,
            _ => LeaveReason::NotOurs,
        };
        if self.put_off.leave(name, stamp, reason, now) {
            let problem = (reason == LeaveReason::Unreadable).then(|| error.to_string());
            let first = || OtherFiles { name: name.clone(), files: 0, problem };
            self.other_files.get_or_insert_with(first).files += 1;
        }
        true
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, OpenError> {
    let io = |doing, cause: Errno| OpenError::Io { doing, path: path.to_owned(), cause: cause.into() };
    let directory = rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => OpenError::Missing(path.to_owned()),
        Errno::NOTDIR => OpenError::NotADirectory(path.to_owned()),
        errno => io("read the queue directory", errno),
    })?;
    let directory = clear_of_standard(directory);
    let stat = rustix::fs::fstat(&directory).map_err(|errno| io("read the queue directory", errno))?;
    if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
        return Err(OpenError::WorldWritable(path.to_owned()));
    }
    rustix::fs::accessat(&directory, ".", rustix::fs::Access::WRITE_OK, AtFlags::EACCESS)
        .map_err(|errno| io("delete entries in the queue directory", errno))?;
    Ok(directory)
}
