//! The file that names the last entry that a forwarder has seen in the stream. If that entry is gone later, Redis has
//! lost what it had acknowledged.
//!
//! It is written before the events up to that entry are deleted from the queue, and not synced. After a loss of power
//! it may name an older entry, or nothing. Both are safe: more of the stream is read then.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use queue::Reader;

use crate::history::HistoryError;
use crate::history::log::StateFile;
use crate::protocol::id::{Id, StreamId};

/// Longest content, in bytes. It is always written as a whole.
pub(super) const BYTES: usize = 256;

/// The file, and what it names.
#[derive(Debug)]
pub(crate) struct Confirmed {
    file: StateFile,
    /// Names the stream. What was confirmed by another server or in another stream says nothing about this one.
    prefix: String,
    last: Option<StreamId>,
}

impl Confirmed {
    /// Opens the file of a queue, in the configured history directory or in that of the queue.
    ///
    /// # Errors
    /// When the directory is not one that it may be in, or cannot be used.
    pub(crate) fn open(reader: &Reader, directory: Option<&Path>, prefix: &str) -> Result<Confirmed, HistoryError> {
        let file = StateFile::open(reader, directory)?;
        let last = read(file.file(), prefix);
        Ok(Confirmed { file, prefix: prefix.to_owned(), last })
    }

    /// The last entry that was seen.
    pub(super) fn last(&self) -> Option<StreamId> {
        self.last
    }

    /// Notes an entry.
    ///
    /// # Errors
    /// When it cannot be written. What it stands for must not be deleted then.
    pub(super) fn note(&mut self, id: StreamId) -> io::Result<()> {
        let mut content = format!("1 {} {}\n", self.prefix, Id::Stream(id)).into_bytes();
        content.resize(BYTES, b' ');
        let written = rustix::io::pwrite(self.file.file(), &content, 0)?;
        if written < content.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.last = Some(id);
        Ok(())
    }

    /// Where it is, for messages.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}

fn read(file: &OwnedFd, prefix: &str) -> Option<StreamId> {
    let mut content = [0; BYTES];
    let length = rustix::io::pread(file, &mut content, 0).ok()?;
    parse(&content[..length]).filter(|(of, _)| *of == prefix).map(|(_, id)| id)
}

/// The prefix and the entry that a file names.
pub(super) fn parse(content: &[u8]) -> Option<(&str, StreamId)> {
    let (line, _) = str::from_utf8(content).ok()?.split_once('\n')?;
    let (prefix, id) = line.strip_prefix("1 ")?.split_once(' ')?;
    match Id::parse(id)? {
        Id::Stream(id) => Some((prefix, id)),
        Id::Own { .. } => None,
    }
}
