//! What is acked: written to the positions, and deleted when nothing of a segment is left.

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::JournalReader;
use crate::error::AckError;
use crate::journal::{RecordName, SegmentName};

impl JournalReader {
    /// Acks a record. It is forgotten for good when the acks are [committed](Self::commit_acks).
    pub(crate) fn ack(&mut self, name: RecordName) {
        let Some(segment) = self.segments.get_mut(&name.segment) else { return };
        if segment.given_out.ack(name.offset) && self.acked.last() != Some(&name.segment) {
            self.acked.push(name.segment);
        }
    }

    /// Writes down how far each segment is acked, and deletes those of which nothing is left.
    ///
    /// # Errors
    /// When a segment cannot be deleted. The others are dealt with all the same.
    pub(crate) fn commit_acks(&mut self) -> Result<(), AckError> {
        if self.acked.is_empty() {
            return Ok(());
        }
        let mut acked = std::mem::take(&mut self.acked);
        acked.sort_unstable();
        acked.dedup();
        let mut refused = None;
        for name in acked {
            let Some(segment) = self.segments.get(&name) else { continue };
            if segment.is_done() {
                if let Err(errno) = self.delete(name) {
                    refused.get_or_insert(AckError { path: self.segment_path(name), cause: errno.into() });
                    self.acked.push(name);
                }
            } else if self.positions.write(name, segment.position()).is_err() {
                // On a full disk, for example. A segment that is deleted makes room, and what is acked is at worst sent
                // again.
                self.acked.push(name);
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Waits until the acks that were committed stay so, also when the power fails.
    pub(crate) fn sync(&self) -> Result<(), Errno> {
        self.positions.sync()?;
        self.folder.as_ref().map_or(Ok(()), rustix::fs::fsync)
    }

    fn delete(&mut self, name: SegmentName) -> Result<(), Errno> {
        if let Some(folder) = &self.folder {
            match rustix::fs::unlinkat(folder, name.to_file_name(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.forget(name);
        Ok(())
    }
}
