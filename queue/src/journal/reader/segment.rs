//! One segment, as the reader goes through it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::given_out::GivenOut;
use super::window::{Round, Window};
use crate::journal::reading::{self, WRITING_TIME};
use crate::journal::resync::{Resync, Search};
use crate::record::{HEAD_BYTES, Head, is_torn};

/// How often a segment is searched while its producer runs.
const SEARCH_INTERVAL: Duration = Duration::from_millis(100);
/// How long a segment without a record may be in the making.
const MAKING_TIME: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: Option<OwnedFd>,
    pub(super) state: State,
    window: Window,
    /// Where the next record begins.
    next: u64,
    /// The record that begins there, if all of it is there.
    ready: Option<Ready>,
    pub(super) given_out: GivenOut,
    since: Instant,
    /// Since when the bytes at `next` are no record.
    stuck_since: Option<Instant>,
    /// The search for a record behind those bytes.
    search: Search,
    searched: Option<Instant>,
    /// A record that is larger than an event may be begins here, and its checksum is wrong.
    wrong_at: Option<u64>,
    /// The lock was asked for when the end was reached for the first time.
    was_probed: bool,
}

/// What is known of the producer that writes a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It holds the lock, or has not got it yet.
    Live,
    /// It has ended, or has turned to another segment. Nobody writes here any more.
    Dead,
    /// Dead, and all was given out.
    Read,
}

/// A complete record that can be given out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) time: u64,
    body_bytes: usize,
    end: u64,
}

/// Bytes of a segment that are no record, and were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// They are the beginning of a record whose producer was killed, or found no space: it was told that nothing is
    /// queued, or it never learned that something was.
    pub(super) is_torn: bool,
}

/// What a segment needs of the reader.
pub(super) struct Reading<'a> {
    pub(super) round: Round,
    pub(super) max_event_bytes: u64,
    pub(super) max_segment_bytes: u64,
    pub(super) scratch: &'a mut Vec<u8>,
    pub(super) left_out: &'a mut Vec<LeftOut>,
}

impl Segment {
    /// A segment all of whose records before the position are acked.
    pub(super) fn new(file: OwnedFd, position: u64) -> Segment {
        Segment {
            file: Some(file),
            state: State::Live,
            window: Window::default(),
            next: position,
            ready: None,
            given_out: GivenOut::default(),
            since: Instant::now(),
            stuck_since: None,
            search: Search::default(),
            searched: None,
            wrong_at: None,
            was_probed: false,
        }
    }

    /// The record that can be given out next.
    pub(super) fn ready(&self) -> Option<Ready> {
        self.ready
    }

    /// Whether that was visible before this round.
    pub(super) fn is_seen(&self, ready: Ready, round: Round) -> bool {
        self.window.is_seen(ready.end, round)
    }

    /// Where the next record begins.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of memory that it holds.
    pub(super) fn buffered(&self) -> usize {
        self.window.len()
    }

    /// Whether nothing of it was ever seen: its producer may not have locked it yet.
    fn is_empty(&self) -> bool {
        self.next == 0 && self.ready.is_none() && self.stuck_since.is_none()
    }

    /// Looks for the next complete record. In a segment whose producer has ended, what is none is left out.
    pub(super) fn find(&mut self, reading: &mut Reading<'_>) -> Result<(), Errno> {
        while self.ready.is_none() && self.state != State::Read {
            let Some(file) = &self.file else { return Ok(()) };
            self.window.fill(file.as_fd(), self.next, HEAD_BYTES, reading.round, reading.scratch)?;
            if self.window.from(self.next).is_empty() {
                self.note_end();
                return Ok(());
            }
            self.ready = self.complete_record(reading)?;
            if self.ready.is_some() {
                self.stuck_since = None;
            } else if !self.leave_out(reading)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Nothing stands at `next` now, and nothing will if the producer has ended.
    fn note_end(&mut self) {
        self.window.clear();
        self.stuck_since = None;
        if self.state == State::Dead {
            self.state = State::Read;
            self.file = None;
        }
    }

    /// The record at `next`, whose first bytes are in the window. `None`: not all of it is there, or it is none.
    fn complete_record(&mut self, reading: &mut Reading<'_>) -> Result<Option<Ready>, Errno> {
        let head = self.window.from(self.next).first_chunk::<HEAD_BYTES>().and_then(Head::parse);
        let (Some(head), Some(file)) = (head, &self.file) else { return Ok(None) };
        let bytes = HEAD_BYTES + head.body_bytes;
        let is_complete = if head.body_bytes as u64 > reading.max_event_bytes {
            // Too large to be held. It is checked piece by piece, once, and given out without its content.
            let size = rustix::fs::fstat(file)?.st_size.unsigned_abs().min(reading.max_segment_bytes);
            let is_there = self.next + bytes as u64 <= size && self.wrong_at != Some(self.next);
            let is_right = is_there && reading::is_record(file.as_fd(), self.next, head, reading.scratch)?;
            if is_there && !is_right {
                self.wrong_at = Some(self.next);
            }
            is_right
        } else {
            self.window.fill(file.as_fd(), self.next, bytes, reading.round, reading.scratch)?;
            self.window.from(self.next).get(HEAD_BYTES..bytes).is_some_and(|body| head.is_of(body))
        };
        let ready = Ready { time: head.time, body_bytes: head.body_bytes, end: self.next + bytes as u64 };
        Ok(is_complete.then_some(ready))
    }

    /// What stands at `next` is no record. Goes on behind it if that may be said already. Returns whether it did.
    fn leave_out(&mut self, reading: &mut Reading<'_>) -> Result<bool, Errno> {
        let Some(file) = &self.file else { return Ok(false) };
        if self.stuck_since.is_none() {
            self.search.begin(self.next + 1);
            self.searched = None;
        }
        let since = *self.stuck_since.get_or_insert_with(Instant::now);
        let was_searched = self.searched.is_some_and(|searched| searched.elapsed() < SEARCH_INTERVAL);
        if self.state == State::Live && (since.elapsed() < WRITING_TIME || was_searched) {
            return Ok(false);
        }
        let size = rustix::fs::fstat(file)?.st_size.unsigned_abs();
        if size <= self.next {
            // Its producer could not write it whole, or not force it to disk, and has taken it back.
            self.window.clear();
            return Ok(true);
        }
        let head = self.window.from(self.next).first_chunk::<HEAD_BYTES>().and_then(Head::parse);
        let body_bytes = head.map_or(0, |head| head.body_bytes as u64);
        let is_cut = self.next + HEAD_BYTES as u64 + body_bytes > size;
        if !is_cut && self.searched.is_none() {
            self.search.checked += body_bytes;
        }
        let mut resync = Resync { file: file.as_fd(), max_body_bytes: reading.max_event_bytes };
        // No producer of ours writes more.
        let found = resync.next_record(&mut self.search, size.min(reading.max_segment_bytes), reading.scratch)?;
        let to = match found {
            Some(found) => found,
            None if self.search.is_unfinished => return Ok(false),
            None if self.state == State::Live => {
                self.searched = Some(Instant::now());
                return Ok(false);
            }
            None => size,
        };
        let is_torn = found.is_none() && is_cut && is_torn(self.window.from(self.next));
        reading.left_out.push(LeftOut { offset: self.next, bytes: to - self.next, is_torn });
        self.next = to;
        self.stuck_since = None;
        Ok(true)
    }

    /// Gives out the next record: its offset, and its body, unless that is too large. `None`: there is none any more.
    pub(super) fn take(&mut self, reading: &mut Reading<'_>) -> Result<Option<(u64, Body<'_>)>, Errno> {
        let Some(Ready { body_bytes, end, .. }) = self.ready else { return Ok(None) };
        let is_too_large = body_bytes as u64 > reading.max_event_bytes;
        let bytes = HEAD_BYTES + body_bytes;
        if let Some(file) = self.file.as_ref().filter(|_| !is_too_large) {
            // Its bytes were dropped if many segments had some.
            self.window.fill(file.as_fd(), self.next, bytes, reading.round, reading.scratch)?;
        }
        if !is_too_large && self.window.from(self.next).len() < bytes {
            // Its producer has taken it back.
            self.ready = None;
            return Ok(None);
        }
        let offset = self.next;
        self.given_out.push(offset);
        (self.next, self.ready) = (end, None);
        let body = match self.window.from(offset).get(HEAD_BYTES..bytes) {
            Some(body) if !is_too_large => Body::Whole(body),
            _ => Body::TooLarge(body_bytes as u64),
        };
        Ok(Some((offset, body)))
    }

    /// Whether the next record was looked up before, and so was given out already.
    pub(super) fn is_early(&self) -> bool {
        self.given_out.is_early(self.next)
    }

    /// All records before this are acked.
    pub(super) fn position(&self) -> u64 {
        self.given_out.first().unwrap_or(self.next)
    }

    /// Whether it can be deleted.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Read && self.given_out.first().is_none()
    }

    /// Asks whether its producer has ended, and reads what it has written until then.
    pub(super) fn probe(&mut self, reading: &mut Reading<'_>) -> Result<(), Errno> {
        if self.state != State::Live {
            return Ok(());
        }
        if self.is_empty() && self.since.elapsed() < MAKING_TIME {
            // Asked now, its producer would not get the lock.
            return Ok(());
        }
        let Some(file) = &self.file else { return Ok(()) };
        if rustix::fs::flock(file, FlockOperation::NonBlockingLockShared).is_err() {
            return Ok(());
        }
        // From now on nothing is added: nobody locks it again.
        self.state = State::Dead;
        (self.search, self.stuck_since) = (Search::default(), None);
        self.find(reading)
    }

    /// Whether the search for its next record was interrupted, so that others have their turn.
    pub(super) fn is_searching(&self) -> bool {
        self.search.is_unfinished && self.ready.is_none() && self.state != State::Read
    }

    /// Whether its end is reached for the first time: it may be one that was left behind long ago.
    pub(super) fn is_at_first_end(&mut self) -> bool {
        self.ready.is_none() && !self.is_empty() && !std::mem::replace(&mut self.was_probed, true)
    }

    /// Closes the file, to have a descriptor for another one. It is opened again when it is needed.
    pub(super) fn close(&mut self) {
        self.window.clear();
        self.file = None;
    }

    /// Whether its file has to be opened again before anything can be read of it.
    pub(super) fn is_closed(&self) -> bool {
        self.file.is_none() && self.state != State::Read
    }

    /// Whether the file may be closed for another one: nothing is to be read of it now.
    pub(super) fn is_idle(&self) -> bool {
        self.file.is_some() && self.ready.is_none() && self.state == State::Live
    }

    /// Drops what was read, to have memory for others. It is read again.
    pub(super) fn give_back_memory(&mut self) {
        self.window.clear();
    }
}

/// What a record holds.
pub(super) enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is larger than an event may be, and has so many bytes.
    TooLarge(u64),
}
