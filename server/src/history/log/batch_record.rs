//! The one record of a batch, made in a buffer that is used again and again.

use std::io;

use queue::record;

use super::event::Logged;
use super::time::LogTime;
use crate::publication::Seq;

/// A record that is being made.
#[derive(Debug, Default)]
pub(super) struct BatchRecord {
    bytes: Vec<u8>,
    last: Seq,
}

/// Memory that is kept for the next record.
const MAX_KEPT_BYTES: usize = 4 << 20;

impl BatchRecord {
    /// Begins an empty one.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        // One very large batch must not keep its memory for ever.
        self.bytes.shrink_to(MAX_KEPT_BYTES);
        record::begin(&mut self.bytes);
    }

    pub(super) fn push(&mut self, event: &Logged<'_>) {
        event.write(&mut self.bytes);
        self.last = event.seq;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() <= record::HEAD_BYTES
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The number of its last event.
    pub(super) fn last(&self) -> Seq {
        self.last
    }

    /// The bytes to write, complete.
    pub(super) fn finish(&mut self, at: LogTime) -> io::Result<&[u8]> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        record::finish(&mut self.bytes, at.0).map_err(invalid)?;
        Ok(&self.bytes)
    }
}
