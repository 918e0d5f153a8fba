//! A source that tests lead step by step.

use super::QueueSource;

impl QueueSource {
    /// Reads a batch of so many bytes, writes it to the history log, and hands it to the hub.
    pub(crate) fn step_publish(&mut self, max_bytes: u64) -> bool {
        self.max_batch_bytes = max_bytes;
        self.take_batch()
    }

    /// Acks what is delivered.
    pub(crate) fn step_ack(&mut self) {
        let delivered = self.destination.progress().delivered;
        while self.ack(delivered) {}
        self.refused_acks.retry(&mut self.reader);
    }

    /// Does what is done each second and each minute.
    pub(crate) fn step_trim(&mut self) {
        self.history.make_due();
        self.history.trim(&mut self.outstanding, self.refused_acks.len() > 0);
    }

    /// Whether everything that was read is acked.
    pub(crate) fn is_idle(&self) -> bool {
        self.outstanding.is_empty()
            && self.taken.is_empty()
            && !self.history.has_again()
            && self.refused_acks.len() == 0
    }

    /// Ends it as if its process were killed: nothing is closed.
    pub(crate) fn kill(self) {
        self.history.kill();
    }
}
