//! Entries that are no events: moved to the failed folder, or left for a program that understands them.

use std::io;

use super::Reader;
use crate::directory::{self, FileName, Rejected};
use crate::entry_error::EntryError;
use crate::entry_name::EntryName;
use crate::error::RejectError;
use crate::journal::{RecordName, SegmentName};
use crate::layout;

/// Files in the folder of the journal that have names of segments and cannot be any. They were moved to the failed
/// folder.
#[derive(Debug)]
pub struct StrangeSegments {
    /// One of them.
    pub segment: SegmentName,
    /// How many there are.
    pub files: usize,
    /// Why that one is none.
    pub reason: EntryError,
    /// Why one could not be moved.
    pub cause: Option<io::Error>,
}

impl Reader {
    /// Moves an entry to the failed folder, with the reason in a text file beside it. What was written meanwhile under
    /// the same name is another entry, and waits. A record becomes a file there.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub fn reject(&mut self, name: &EntryName, reason: &EntryError) -> Result<Rejected, RejectError> {
        let name = match name {
            EntryName::File(name) => return self.directory.reject(name, reason),
            EntryName::Record(name) => *name,
        };
        let file = FileName::of_record(name);
        let put_aside = self.journal.body_of(name).map_err(Into::into).and_then(|body| match body {
            Some(body) => directory::put_aside_content(self.directory(), &file, reason, body),
            // Its segment was deleted.
            None => Ok(Rejected::NotThere),
        });
        let rejected = put_aside.map_err(|cause| RejectError {
            path: self.journal.path().join(name.segment.to_file_name()),
            folder: self.path().join(layout::FAILED),
            cause,
        })?;
        self.journal.ack(name);
        Ok(rejected)
    }

    /// Leaves an entry that cannot be put aside where it is. A file is no longer outstanding, and is found again when it
    /// has changed or when [`retry_unrejectable`](Self::retry_unrejectable) selects it.
    pub fn leave_unrejectable(&mut self, name: &EntryName) {
        match name {
            EntryName::File(name) => self.directory.leave_unrejectable(name),
            EntryName::Record(name) => self.journal.leave_unrejectable(*name),
        }
    }

    /// Lets some of those that could not be put aside be found again.
    pub fn retry_unrejectable(&mut self, count: usize) {
        self.directory.retry_unrejectable(count);
        self.journal.retry_unrejectable(count);
    }

    /// Tells whether there are entries that could not be put aside.
    pub fn has_unrejectable(&self) -> bool {
        self.directory.has_unrejectable() || self.journal.has_unrejectable()
    }

    /// A newer program wrote this record. It becomes a file of the directory, where entries wait for a reader that
    /// knows their version: in its segment it would hold up the deletion of all others.
    pub(super) fn leave_newer(&mut self, name: RecordName) {
        let Ok(Some(body)) = self.journal.body_of(name) else { return self.journal.leave_unrejectable(name) };
        match directory::write_entry(self.directory(), &FileName::of_record(name), body) {
            Ok(()) => {
                self.journal.ack(name);
                self.directory.follow(FileName::of_record(name).as_os_str());
            }
            // The disk is full, for example. It is tried again with those that cannot be put aside.
            Err(_) => self.journal.leave_unrejectable(name),
        }
    }

    /// Moves files that have names of segments and cannot be any to the failed folder. One that cannot be moved is found
    /// again by a later listing.
    pub(super) fn put_strange_segments_aside(&mut self) {
        for (segment, reason) in self.journal.take_strange() {
            let Some(folder) = self.journal.folder() else { return };
            let moved = directory::put_aside_segment(self.directory(), folder, &segment.to_file_name(), &reason);
            if matches!(moved, Ok(Rejected::NotThere)) {
                continue;
            }
            let strange = self.strange.get_or_insert(StrangeSegments { segment, files: 0, reason, cause: None });
            strange.files += 1;
            strange.cause = strange.cause.take().or(moved.err());
        }
    }

    /// The files in the folder of the journal that have names of segments and are none, found since the last call.
    pub fn take_strange_segments(&mut self) -> Option<StrangeSegments> {
        self.strange.take()
    }
}
