//! Records that wait, in the segments of the journal.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::io::Errno;

use super::{Content, Seen};
use crate::entry_error::EntryError;
use crate::event;
use crate::journal::{JournalFolder, RecordName, SegmentName, Step, WRITING_TIME, Walk};
use crate::queued_at::QueuedAt;

/// Segments that are kept open, to read on also when they were deleted.
const MAX_OPEN: usize = 256;

#[derive(Debug)]
pub(super) struct Segments {
    /// `None`: there was none yet.
    journal: Option<JournalFolder>,
    max_event_bytes: u64,
    /// Whether records may still be written while they are read.
    is_following: bool,
    /// Whether the segments that were there at first are known. One that is found later is shown from its first record
    /// on, also if a broadcaster was faster.
    was_listed: bool,
    /// Those that were not opened yet: no record in them is older than their names.
    unopened: BTreeMap<SegmentName, Since>,
    opened: HashMap<SegmentName, Followed>,
    /// Those with a record that is to be given out, by its time.
    heads: BinaryHeap<Reverse<(QueuedAt, SegmentName)>>,
    /// How many files are open.
    open: usize,
    damaged_bytes: u64,
    buffer: Vec<u8>,
}

/// From where on a segment is shown.
#[derive(Clone, Copy, Debug)]
enum Since {
    /// What is not acknowledged.
    Position,
    /// All that it holds.
    Begin,
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

impl Segments {
    pub(super) fn open(queue: BorrowedFd<'_>, max_event_bytes: u64) -> io::Result<Segments> {
        Ok(Segments {
            journal: JournalFolder::open(queue)?,
            max_event_bytes,
            is_following: false,
            was_listed: false,
            unopened: BTreeMap::new(),
            opened: HashMap::new(),
            heads: BinaryHeap::new(),
            open: 0,
            damaged_bytes: 0,
            buffer: Vec::new(),
        })
    }

    pub(super) fn set_following(&mut self) {
        self.is_following = true;
    }

    /// Finds all segments that were not found before.
    pub(super) fn list(&mut self, queue: BorrowedFd<'_>) -> io::Result<()> {
        self.open_folder(queue)?;
        let since = self.since();
        self.was_listed = true;
        let Some(journal) = &self.journal else { return Ok(()) };
        for name in journal.names()? {
            if !self.opened.contains_key(&name) {
                self.unopened.entry(name).or_insert(since);
            }
        }
        Ok(())
    }

    /// Notes a segment that has appeared, and opens it.
    pub(super) fn note(&mut self, queue: BorrowedFd<'_>, name: SegmentName) -> io::Result<()> {
        if self.opened.contains_key(&name) {
            return Ok(());
        }
        self.open_folder(queue)?;
        let since = self.unopened.remove(&name).unwrap_or_else(|| self.since());
        self.open_segment(name, since)
    }

    /// Looks for records that were added.
    pub(super) fn look_again(&mut self) -> io::Result<()> {
        let names: Vec<SegmentName> = self.opened.keys().copied().collect();
        names.into_iter().try_for_each(|name| self.find_next(name))
    }

    /// When the next record was queued. Segments in which one may be that is not later, nor later than the next file,
    /// are opened.
    pub(super) fn first(&mut self, file: Option<QueuedAt>) -> io::Result<Option<QueuedAt>> {
        loop {
            let record = self.heads.peek().map(|Reverse((queued_at, _))| *queued_at);
            let first = file.into_iter().chain(record).min();
            match self.unopened.first_entry() {
                Some(entry) if first.is_none_or(|first| entry.key().earliest() <= first) => {
                    let (name, since) = entry.remove_entry();
                    self.open_segment(name, since)?;
                }
                _ => return Ok(record),
            }
        }
    }

    /// Takes the next record. `None`: there is none.
    pub(super) fn take(&mut self) -> io::Result<Option<Seen>> {
        let Some(Reverse((queued_at, segment))) = self.heads.pop() else { return Ok(None) };
        let ready = self.opened.get_mut(&segment).and_then(|followed| followed.ready.take());
        self.find_next(segment)?;
        Ok(ready.map(|(name, content)| Seen { name: name.into(), queued_at: queued_at.to_system(), content }))
    }

    pub(super) fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    fn open_folder(&mut self, queue: BorrowedFd<'_>) -> io::Result<()> {
        if self.journal.is_none() {
            self.journal = JournalFolder::open(queue)?;
        }
        Ok(())
    }

    /// From where on a segment is shown that is found now.
    fn since(&self) -> Since {
        if self.was_listed { Since::Begin } else { Since::Position }
    }

    fn open_segment(&mut self, name: SegmentName, since: Since) -> io::Result<()> {
        let next = match (since, &self.journal) {
            (Since::Position, Some(journal)) => journal.position(name),
            _ => 0,
        };
        self.opened.insert(name, Followed { next, walk: None, ready: None, stuck_since: None });
        self.find_next(name)
    }

    /// Looks for the next record of a segment.
    fn find_next(&mut self, name: SegmentName) -> io::Result<()> {
        let Some(followed) = self.opened.get_mut(&name).filter(|followed| followed.ready.is_none()) else {
            return Ok(());
        };
        let kept = followed.walk.take();
        let was_open = kept.is_some();
        let walk = match kept {
            Some(walk) => walk,
            None => match self.open_file(name)? {
                Some(walk) => walk,
                None => return Ok(()),
            },
        };
        let (walk, is_over) = self.step(name, walk)?;
        let Some(followed) = self.opened.get_mut(&name) else { return Ok(()) };
        followed.next = walk.next_offset();
        let stays_open = self.is_following && !is_over && (was_open || self.open < MAX_OPEN);
        self.open = self.open + usize::from(stays_open) - usize::from(was_open);
        if stays_open {
            followed.walk = Some(walk);
        }
        if is_over && followed.ready.is_none() {
            self.opened.remove(&name);
        }
        Ok(())
    }

    /// Opens the file of a segment. `None`: somebody has deleted it, or it may not be read, which is given out once.
    fn open_file(&mut self, name: SegmentName) -> io::Result<Option<Walk>> {
        let (Some(journal), Some(followed)) = (&self.journal, self.opened.get_mut(&name)) else { return Ok(None) };
        match journal.walk(name, followed.next, self.max_event_bytes) {
            Ok(Some(walk)) => return Ok(Some(walk)),
            Ok(None) => drop(self.opened.remove(&name)),
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(errno.into()),
            Err(errno) => {
                if followed.stuck_since.replace(Instant::now()).is_none() {
                    let content = Content::NoEvent(EntryError::Unreadable(errno.into()));
                    followed.ready = Some((RecordName { segment: name, offset: followed.next }, content));
                    self.heads.push(Reverse((name.earliest(), name)));
                }
            }
        }
        Ok(None)
    }

    /// Reads the next record of a segment, if it is complete. Returns whether nothing can follow any more.
    fn step(&mut self, name: SegmentName, mut walk: Walk) -> io::Result<(Walk, bool)> {
        let mut is_over = false;
        let Some(followed) = self.opened.get_mut(&name) else { return Ok((walk, true)) };
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
                    // A record may have been written between the reading and the deletion: it is read once more.
                }
            }
        }
    }
}
