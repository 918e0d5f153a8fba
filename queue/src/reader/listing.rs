//! How a directory is listed, and what of a listing may be believed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use rustix::fs::Dir;
use rustix::io::Errno;

use super::{Indexed, Reader};
use crate::entry::EntryName;
use crate::entry_file::{self, Stamp};
use crate::error::ScanError;
use crate::layout::{self, Now};

impl Reader {
    /// Lists the directory into the index.
    ///
    /// A listing shows every file that was there before it began, but of those that appear meanwhile it may show a later
    /// one and miss an earlier one of the same producer. An entry is therefore believed only if it was queued before the
    /// listing began, if the previous listing showed it, too, or if it is reported ([`Self::follow`]).
    pub(super) fn list(&mut self) -> Result<(), ScanError> {
        let began = Now::read().queued_at();
        let unreadable = |errno: Errno| ScanError { path: self.path.clone(), cause: errno.into() };
        let mut settled = Vec::new();
        let mut unsettled = HashSet::new();
        let mut complete = true;
        let (directory, now) = (self.ownership.directory(), Instant::now());
        self.put_off.begin_listing();
        for file in Dir::read_from(self.ownership.directory()).map_err(unreadable)? {
            let file = file.map_err(unreadable)?;
            let name = OsStr::from_bytes(file.file_name().to_bytes());
            if layout::is_temporary(name) {
                entry_file::sweep(directory, name, &self.clock);
            }
            if !layout::is_entry(name) {
                continue;
            }
            let name = EntryName::new(name);
            if self.outstanding.contains_key(&name) || self.put_off.is_left(&name, now, || Stamp::of(directory, &name))
            {
                continue;
            }
            let queued_at = entry_file::queued_at(directory, &name, self.options.max_event_bytes);
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
        self.put_off.end_listing();
        self.index = settled.into_iter().collect();
        self.unsettled = unsettled;
        self.lost_track = !complete;
        Ok(())
    }
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
