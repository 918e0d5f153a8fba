//! Records that are read by their names, and not in their turn: those that the process before had published, and those
//! that could not be put aside.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::JournalReader;
use crate::entry_error::EntryError;
use crate::error::ScanError;
use crate::event::{self, Event};
use crate::journal::{RecordName, reading};
use crate::record::HEAD_BYTES;

impl JournalReader {
    /// Reads a record by its name. It is outstanding then. `None`: it is acked, or there is no such record.
    ///
    /// # Errors
    /// When its segment cannot be read.
    pub(crate) fn look_up(&mut self, name: RecordName) -> Result<Option<Vec<Event>>, ScanError> {
        if !self.segments.contains_key(&name.segment) {
            self.read_new(name.segment)?;
            self.unopened[name.segment.priority().lane()].remove(&name.segment);
        }
        let Some(segment) = self.segments.get(&name.segment) else { return Ok(None) };
        let is_given_out = name.offset < segment.next();
        if is_given_out && !segment.given_out.is_outstanding(name.offset)
            || segment.given_out.is_acked_early(name.offset)
        {
            return Ok(None);
        }
        let Some(record) = self.read_record(name)? else { return Ok(None) };
        let Ok(events) = event::parse_lines(&record, self.max_event_bytes) else { return Ok(None) };
        if let Some(segment) = self.segments.get_mut(&name.segment).filter(|_| !is_given_out) {
            segment.given_out.push_early(name.offset);
        }
        Ok(Some(events))
    }

    /// Lets a record that was looked up be found in its turn.
    pub(crate) fn put_back(&mut self, name: RecordName) {
        if let Some(segment) = self.segments.get_mut(&name.segment) {
            segment.given_out.remove_early(name.offset);
        }
    }

    /// The body of a record, to be read piece by piece. `None`: its segment is gone.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn body_of(&self, name: RecordName) -> Result<Option<io::Take<File>>, Errno> {
        let file = match self.open_file(name.segment) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let Some(head) = reading::head_at(file.as_fd(), name.offset)? else { return Ok(None) };
        rustix::fs::seek(&file, SeekFrom::Start(name.offset + HEAD_BYTES as u64))?;
        Ok(Some(File::from(file).take(head.body_bytes as u64)))
    }

    fn read_record(&self, name: RecordName) -> Result<Option<Vec<u8>>, ScanError> {
        let unreadable = |errno| self.unreadable(name, errno);
        let file = match self.open_file(name.segment) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(unreadable(errno)),
        };
        let head = reading::head_at(file.as_fd(), name.offset).map_err(unreadable)?;
        let Some(head) = head.filter(|head| head.body_bytes as u64 <= self.max_event_bytes) else { return Ok(None) };
        let mut body = Vec::new();
        let is_right = reading::read_body(file.as_fd(), name.offset, head, &mut body).map_err(unreadable)?;
        Ok(is_right.then_some(body))
    }

    /// Leaves a record that cannot be put aside. It stays outstanding.
    pub(crate) fn leave_unrejectable(&mut self, name: RecordName) {
        self.unrejectable.push_back(name);
    }

    /// Gives out some of them again.
    pub(crate) fn retry_unrejectable(&mut self, count: usize) {
        let count = count.min(self.unrejectable.len());
        self.again.extend(self.unrejectable.drain(..count));
    }

    /// Whether there are any.
    pub(crate) fn has_unrejectable(&self) -> bool {
        !self.unrejectable.is_empty()
    }

    /// Takes the next of those that could not be put aside and are to be tried again. One that cannot be read now waits
    /// for the next try.
    pub(crate) fn take_again(&mut self) -> Option<(RecordName, Result<Vec<Event>, EntryError>)> {
        let name = self.again.pop_front()?;
        let Ok(events) = self.read_again(name) else {
            self.unrejectable.push_back(name);
            return None;
        };
        Some((name, events))
    }

    fn read_again(&self, name: RecordName) -> Result<Result<Vec<Event>, EntryError>, ScanError> {
        let limit = self.max_event_bytes;
        if let Some(record) = self.read_record(name)? {
            return Ok(event::parse_lines(&record, limit));
        }
        // It is too large to be read, or its segment was deleted, which the rejection finds out.
        let body = self.body_of(name).map_err(|errno| self.unreadable(name, errno))?;
        Ok(Err(EntryError::TooLarge { size: body.map_or(0, |body| body.limit()), limit }))
    }

    fn unreadable(&self, name: RecordName, errno: Errno) -> ScanError {
        ScanError { path: self.segment_path(name.segment), cause: errno.into() }
    }
}
