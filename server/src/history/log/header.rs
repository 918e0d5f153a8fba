//! The header of the log: whose it is, where its records begin and end, and whether it was closed.
//!
//! It is the first block of the file, and has room for two copies. A change is written over the older one, so that one
//! of the two is whole whenever the process is killed. Which of them counts says its generation.
//!
//! It says up to where the records are whole. A start can then see the difference between a record that its writer did
//! not finish, whose events no client has, and one that was cut off later. This is written once a second and not with
//! each record, for which clients would wait. So a cut in what was written in the last second before a kill is not
//! noticed.

use queue::record::{self, HEAD_BYTES, Head};
use serde::{Deserialize, Serialize};

use super::time::{LogTime, Trimmed};
use crate::publication::Seq;

/// Bytes of the header. Behind it, whole blocks of the file system can be given back.
pub(super) const HEADER_BYTES: usize = 4096;
/// Bytes of one copy.
pub(super) const SLOT_BYTES: usize = HEADER_BYTES / 2;
/// The version of the header and of the records.
const VERSION: u32 = 1;
/// Most bytes of the id of a boot. Linux gives 36.
pub(super) const MAX_BOOT_ID_BYTES: usize = 64;

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    v: u32,
    /// One more with each change.
    generation: u64,
    /// The epoch of the numbers.
    pub(super) epoch: u64,
    /// Since this boot of the system the file was written. After another one, what was not synced can be missing.
    pub(super) boot_id: String,
    /// The file's own. A copy has another one: what was appended to the original after it was made is not there.
    pub(super) inode: u64,
    /// Where the records begin.
    pub(super) start: u64,
    /// Up to here they are whole, and clients can have them. More can follow. 0 in logs of earlier versions.
    #[serde(default)]
    pub(super) end: u64,
    trimmed: u64,
    trimmed_at: u64,
    closed: bool,
}

impl Header {
    /// The header of a new log.
    pub(super) fn new(epoch: u64, boot_id: &str, inode: u64, trimmed: Trimmed) -> Header {
        Header {
            v: VERSION,
            generation: 0,
            epoch,
            boot_id: boot_id.to_owned(),
            inode,
            start: HEADER_BYTES as u64,
            end: HEADER_BYTES as u64,
            trimmed: trimmed.seq.0,
            trimmed_at: trimmed.at.0,
            closed: false,
        }
    }

    /// What the log no longer holds.
    pub(super) fn trimmed(&self) -> Trimmed {
        Trimmed { seq: Seq(self.trimmed), at: LogTime(self.trimmed_at) }
    }

    /// The next header, after a trim.
    pub(super) fn with_start(&self, start: u64, trimmed: Trimmed) -> Header {
        Header { start, trimmed: trimmed.seq.0, trimmed_at: trimmed.at.0, ..self.next() }
    }

    /// The next header, after records.
    pub(super) fn with_end(&self, end: u64) -> Header {
        Header { end, ..self.next() }
    }

    /// The next header, of a log that is written on.
    pub(super) fn opened(&self, boot_id: &str, end: u64) -> Header {
        Header { boot_id: boot_id.to_owned(), end, closed: false, ..self.next() }
    }

    /// The next header, of a log that is complete.
    pub(super) fn closed(&self) -> Header {
        Header { closed: true, ..self.next() }
    }

    fn next(&self) -> Header {
        Header { generation: self.generation + 1, ..self.clone() }
    }

    /// Whether all was synced, and nothing was written since.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where its copy belongs.
    pub(super) fn offset(&self) -> u64 {
        self.generation % 2 * SLOT_BYTES as u64
    }

    /// The bytes of one copy. It is a record, with spaces behind.
    pub(super) fn slot(&self) -> std::io::Result<[u8; SLOT_BYTES]> {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        record::begin(&mut bytes);
        serde_json::to_writer(&mut bytes, self)?;
        bytes.push(b'\n');
        record::finish(&mut bytes, self.trimmed_at).map_err(std::io::Error::other)?;
        bytes.resize(SLOT_BYTES - 1, b' ');
        bytes.push(b'\n');
        // With the bounds of its values a header has some 400 bytes.
        bytes.try_into().map_err(|_| std::io::Error::other("the header of the history log is too long"))
    }

    /// The copy that counts, if one is whole.
    pub(super) fn read(block: &[u8; HEADER_BYTES]) -> Option<Header> {
        let (first, second) = block.split_at(SLOT_BYTES);
        let copies = [first, second].into_iter().filter_map(Header::read_slot);
        copies.max_by_key(|header| header.generation)
    }

    fn read_slot(slot: &[u8]) -> Option<Header> {
        let (head, rest) = slot.split_first_chunk::<HEAD_BYTES>()?;
        let head = Head::parse(head)?;
        let body = rest.get(..head.body_bytes).filter(|body| head.is_of(body))?;
        serde_json::from_slice(body).ok()
    }

    /// Whether this program can read the log.
    pub(super) fn is_known(&self) -> bool {
        self.v == VERSION
    }
}
