//! The entries of a queue in the order of queueing, as somebody sees them who does not own it: once, or also those that
//! are queued from then on.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, Dir, Mode};
use rustix::io::Errno;

use crate::descriptor::{DIRECTORY, clear_of_standard, is_same_file};
use crate::directory::file::attempt::is_attempt;
use crate::directory::{FileName, file};
use crate::entry_error::EntryError;
use crate::entry_name::EntryName;
use crate::event;
use crate::journal::{JournalFolder, RecordName, SegmentName, Step, Walk};
use crate::layout;
use crate::queued_at::QueuedAt;

/// Segments that are kept open, to read on also when they were deleted.
const MAX_OPEN: usize = 256;
/// Names of files that were given out are kept up to here, and then those of files that are still there.
const MAX_KNOWN: usize = 16_384;
/// How long what is no event may become one: somebody may be writing it.
const GRACE: Duration = Duration::from_secs(5);
/// How long bytes of a segment that are no record may become one.
const WRITING_TIME: Duration = Duration::from_secs(2);

/// An entry that was seen.
#[derive(Debug)]
pub struct Seen {
    /// Its name.
    pub name: EntryName,
    /// When it was queued.
    pub queued_at: SystemTime,
    /// What it holds.
    pub content: Content,
}

/// What an entry holds.
#[derive(Debug)]
pub enum Content {
    /// Its events: of a `.json` file one, otherwise one a line.
    Events(Vec<u8>),
    /// It is no event that this version understands.
    NoEvent(EntryError),
    /// It was deleted before it could be read: it is delivered, as a rule.
    Gone,
}

/// The entries that wait.
#[derive(Debug)]
pub struct Waiting {
    path: PathBuf,
    queue: OwnedFd,
    journal: Option<JournalFolder>,
    max_event_bytes: u64,
    /// Whether entries may still be written while they are read.
    is_following: bool,
    /// Files that are to be given out.
    files: BinaryHeap<Reverse<(QueuedAt, FileName)>>,
    /// Those that were found already.
    known: HashSet<FileName>,
    known_limit: usize,
    /// Those that were no events when they were read.
    incomplete: Vec<(FileName, Instant)>,
    /// Those of them that are to be given out now.
    completed: Vec<Seen>,
    /// Segments that were not opened yet: no record in them is older than their names.
    unopened: BTreeSet<SegmentName>,
    segments: HashMap<SegmentName, Followed>,
    /// Segments with a record that is to be given out, by its time.
    heads: BinaryHeap<Reverse<(QueuedAt, SegmentName)>>,
    open: usize,
    damaged_bytes: u64,
    buffer: Vec<u8>,
}

/// One segment, as far as it was read.
#[derive(Debug)]
struct Followed {
    next: u64,
    /// `None`: it was closed for others, and is opened again.
    walk: Option<Walk>,
    ready: Option<(RecordName, Content)>,
    /// Since when there are bytes at `next` that are no record.
    stuck_since: Option<Instant>,
}

impl Waiting {
    /// Opens a queue directory. What waits there is found by [`list`](Self::list).
    ///
    /// # Errors
    /// When the directory or the folder of the journal cannot be opened.
    pub fn open(queue: &Path, max_event_bytes: u64) -> io::Result<Waiting> {
        let directory = clear_of_standard(rustix::fs::open(queue, DIRECTORY, Mode::empty())?);
        Ok(Waiting {
            path: queue.to_owned(),
            journal: JournalFolder::open(directory.as_fd())?,
            queue: directory,
            max_event_bytes,
            is_following: false,
            files: BinaryHeap::new(),
            known: HashSet::new(),
            known_limit: MAX_KNOWN,
            incomplete: Vec::new(),
            completed: Vec::new(),
            unopened: BTreeSet::new(),
            segments: HashMap::new(),
            heads: BinaryHeap::new(),
            open: 0,
            damaged_bytes: 0,
            buffer: Vec::new(),
        })
    }

    /// The same for a caller that goes on: what is no event yet may become one.
    #[must_use]
    pub fn following(mut self) -> Waiting {
        self.is_following = true;
        self
    }

    /// Whether the path is still that of the directory that was opened.
    pub fn is_current(&self) -> bool {
        let ours = rustix::fs::fstat(&self.queue);
        matches!((ours, rustix::fs::stat(&self.path)), (Ok(ours), Ok(named)) if is_same_file(&ours, &named))
    }

    /// Finds all files and segments that were not found before.
    ///
    /// # Errors
    /// When the directory or the folder of the journal cannot be read.
    pub fn list(&mut self) -> io::Result<()> {
        for found in Dir::read_from(&self.queue)? {
            self.note_file(OsStr::from_bytes(found?.file_name().to_bytes()));
        }
        if self.journal.is_none() {
            self.journal = JournalFolder::open(self.queue.as_fd())?;
        }
        for name in self.journal.as_ref().map(JournalFolder::names).transpose()?.unwrap_or_default() {
            self.note_segment_name(name);
        }
        Ok(())
    }

    /// Notes a file that has appeared in the directory.
    pub fn note_file(&mut self, name: &OsStr) {
        if !layout::is_entry(name) {
            return;
        }
        let name = FileName::new(name);
        if self.known.contains(&name) {
            return;
        }
        let queued_at = file::queued_at(self.queue.as_fd(), &name, self.max_event_bytes);
        if self.is_following {
            self.forget_old();
            self.known.insert(name.clone());
        }
        self.files.push(Reverse((queued_at, name)));
    }

    /// Notes a segment that has appeared in the folder of the journal. It is opened at once: it may be deleted soon.
    ///
    /// # Errors
    /// When this process has no descriptor or memory left.
    pub fn note_segment(&mut self, file: &OsStr) -> io::Result<()> {
        if let Some(name) = SegmentName::of_file(file)
            && !self.segments.contains_key(&name)
        {
            self.unopened.remove(&name);
            self.open_segment(name)?;
        }
        Ok(())
    }

    /// Looks for what was added to what was found before.
    ///
    /// # Errors
    /// When this process has no descriptor or memory left.
    pub fn look_again(&mut self) -> io::Result<()> {
        for (name, since) in std::mem::take(&mut self.incomplete) {
            let queued_at = file::queued_at(self.queue.as_fd(), &name, self.max_event_bytes);
            let completed = self.read_file(name, queued_at, since)?;
            self.completed.extend(completed);
        }
        let names: Vec<SegmentName> = self.segments.keys().copied().collect();
        names.into_iter().try_for_each(|name| self.find_next(name))
    }

    /// The next entry in the order of queueing, of those that were found. `None`: there are no more now.
    ///
    /// # Errors
    /// When this process has no descriptor or memory left.
    pub fn take(&mut self) -> io::Result<Option<Seen>> {
        if let Some(seen) = self.completed.pop() {
            return Ok(Some(seen));
        }
        loop {
            let file = self.files.peek().map(|Reverse((time, _))| *time);
            let record = self.heads.peek().map(|Reverse((time, _))| *time);
            let first = file.into_iter().chain(record).min();
            if let Some(name) = self.unopened.first().copied()
                && first.is_none_or(|first| name.earliest() <= first)
            {
                self.unopened.remove(&name);
                self.open_segment(name)?;
                continue;
            }
            if record.is_some_and(|record| file.is_none_or(|file| record < file)) {
                let Some(Reverse((time, segment))) = self.heads.pop() else { continue };
                let ready = self.segments.get_mut(&segment).and_then(|followed| followed.ready.take());
                self.find_next(segment)?;
                let Some((name, content)) = ready else { continue };
                return Ok(Some(Seen { name: name.into(), queued_at: time.to_system(), content }));
            }
            let Some(Reverse((time, name))) = self.files.pop() else { return Ok(None) };
            if let Some(seen) = self.read_file(name, time, Instant::now())? {
                return Ok(Some(seen));
            }
        }
    }

    /// Bytes of the journal that are no records, with records behind them.
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// Reads a file. `None`: it belongs to another program, or may still be written.
    fn read_file(&mut self, name: FileName, queued_at: QueuedAt, since: Instant) -> io::Result<Option<Seen>> {
        let found = file::read(self.queue.as_fd(), &name, self.max_event_bytes, &mut self.buffer)?;
        let content = match found.map(|found| found.events) {
            None => Content::Gone,
            Some(Ok(_)) => Content::Events(self.buffer.clone()),
            Some(Err(error)) => {
                if !layout::is_producer_name(name.as_os_str()) && !is_attempt(&name, &self.buffer) {
                    return Ok(None);
                }
                if self.is_following && since.elapsed() < GRACE {
                    self.incomplete.push((name, since));
                    return Ok(None);
                }
                Content::NoEvent(error)
            }
        };
        Ok(Some(Seen { name: name.into(), queued_at: queued_at.to_system(), content }))
    }

    fn note_segment_name(&mut self, name: SegmentName) {
        if !self.segments.contains_key(&name) {
            self.unopened.insert(name);
        }
    }

    fn open_segment(&mut self, name: SegmentName) -> io::Result<()> {
        if self.journal.is_none() {
            self.journal = JournalFolder::open(self.queue.as_fd())?;
        }
        let next = self.journal.as_ref().map_or(0, |journal| journal.position(name));
        self.segments.insert(name, Followed { next, walk: None, ready: None, stuck_since: None });
        self.find_next(name)
    }

    /// Looks for the next record of a segment.
    fn find_next(&mut self, name: SegmentName) -> io::Result<()> {
        let (Some(journal), Some(followed)) = (&self.journal, self.segments.get_mut(&name)) else { return Ok(()) };
        if followed.ready.is_some() {
            return Ok(());
        }
        let kept = followed.walk.take();
        let was_open = kept.is_some();
        let walk = match kept.map_or_else(|| journal.walk(name, followed.next, self.max_event_bytes), |it| Ok(Some(it)))
        {
            Ok(Some(walk)) => walk,
            Ok(None) => {
                // Somebody has deleted it.
                self.segments.remove(&name);
                return Ok(());
            }
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(errno.into()),
            Err(errno) => {
                let content = Content::NoEvent(EntryError::Unreadable(errno.into()));
                let is_new = followed.stuck_since.is_none();
                followed.stuck_since = Some(Instant::now());
                if is_new {
                    followed.ready = Some((RecordName { segment: name, offset: followed.next }, content));
                    self.heads.push(Reverse((name.earliest(), name)));
                }
                return Ok(());
            }
        };
        let (walk, is_over) = self.step(name, walk)?;
        let Some(followed) = self.segments.get_mut(&name) else { return Ok(()) };
        followed.next = walk.next_offset();
        let stays_open = self.is_following && !is_over && (was_open || self.open < MAX_OPEN);
        self.open = self.open + usize::from(stays_open) - usize::from(was_open);
        if stays_open {
            followed.walk = Some(walk);
        }
        if is_over && followed.ready.is_none() {
            self.segments.remove(&name);
        }
        Ok(())
    }

    /// Reads the next record of a segment, if it is complete. Returns whether nothing can follow any more.
    fn step(&mut self, name: SegmentName, mut walk: Walk) -> io::Result<(Walk, bool)> {
        let mut is_over = false;
        let Some(followed) = self.segments.get_mut(&name) else { return Ok((walk, true)) };
        loop {
            // What is no record may be one that is being written.
            let is_stuck = followed.stuck_since.is_some_and(|since| since.elapsed() >= WRITING_TIME);
            let is_final = !self.is_following || is_stuck || is_over;
            let step = if is_final { walk.step(&mut self.buffer) } else { walk.step_in_order(&mut self.buffer) };
            match step? {
                Step::Record { offset, queued_at, body_bytes, is_too_large } => {
                    followed.stuck_since = None;
                    let limit = self.max_event_bytes;
                    let parsed = match is_too_large {
                        true => Err(EntryError::TooLarge { size: body_bytes, limit }),
                        false => event::parse_lines(&self.buffer, limit),
                    };
                    let content = parsed.map_or_else(Content::NoEvent, |_| Content::Events(self.buffer.clone()));
                    followed.ready = Some((RecordName { segment: name, offset }, content));
                    self.heads.push(Reverse((queued_at, name)));
                    return Ok((walk, false));
                }
                Step::Damage(bytes) => self.damaged_bytes += bytes,
                Step::End if is_over || !self.is_following => return Ok((walk, is_over)),
                Step::End => {
                    followed.stuck_since = walk.has_rest().then(|| followed.stuck_since.unwrap_or_else(Instant::now));
                    is_over = walk.is_deleted();
                    if !is_over {
                        return Ok((walk, false));
                    }
                    // It was read a moment before.
                }
            }
        }
    }

    /// Forgets the names of files that are gone.
    fn forget_old(&mut self) {
        if self.known.len() < self.known_limit {
            return;
        }
        let queue = &self.queue;
        self.known.retain(|name| rustix::fs::statat(queue, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok());
        self.known_limit = MAX_KNOWN.max(2 * self.known.len());
    }
}
