//! Publications that clients get together, encoded.

use crate::protocol::Encoding;
use crate::publication::Publication;

/// Publications that go into the hub at once, encoded once for all clients. Used again and again, it allocates nothing.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) frames: Vec<u8>,
    /// Where the frame of each ends.
    pub(super) ends: Vec<usize>,
}

impl Batch {
    /// Encodes a publication behind the others.
    pub fn push(&mut self, publication: &Publication<'_>) {
        Encoding::Plain.encode(publication, &mut self.frames);
        self.ends.push(self.frames.len());
    }

    /// How many publications there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all frames.
    pub fn bytes(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Forgets all publications, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
    }
}
