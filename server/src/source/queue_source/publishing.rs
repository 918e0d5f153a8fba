//! Handing a batch over: into the history log first, then to the hub.

use tracing::debug;

use super::{BATCH_ENTRIES, QueueSource};
use crate::metrics::QueueResult;
use crate::publication::{Publication, has_expired};

impl QueueSource {
    /// Publishes what was taken. If the history log can neither be written nor deleted, it waits: a later start would
    /// give its numbers to other events. Returns whether there may be more.
    pub(super) fn publish_taken(&mut self) -> bool {
        let appended = match self.destination.publish(&mut self.batch, &self.taken) {
            Ok(appended) => appended,
            Err(error) => {
                self.on_failure(
                    "events wait: neither can they be written to the history log, nor can that be deleted",
                    &error,
                );
                return false;
            }
        };
        self.on_success();
        self.destination.trace(&self.taken, &appended);
        let (mut next, mut number) = (appended.first, appended.number);
        for entry in self.taken.drain() {
            let publications = entry.publications();
            self.outstanding.push(entry.name.clone(), publications, next.plus(publications - 1), number);
            if !appended.is_logged {
                self.outstanding.keep(appended.at, entry, self.history.max_bytes());
            }
            (next, number) = (next.plus(publications), number.plus(publications));
        }
        true
    }

    /// Publishes what the process before has numbered and has not acked, for clients that get no ids: others ask for
    /// what they have missed. Returns whether there may be more.
    pub(super) fn publish_again(&mut self) -> bool {
        // It was queued while another process read.
        self.destination.set_catching_up(true);
        let mut entries = Vec::new();
        while entries.len() < BATCH_ENTRIES && self.batch.bytes() < self.max_batch_bytes {
            let Some(numbered) = self.history.next_again() else { break };
            let found = match self.reader.look_up(&numbered.name) {
                Ok(found) => found,
                Err(error) => {
                    self.history.put_back(numbered);
                    self.on_failure("cannot read the queue", &error);
                    break;
                }
            };
            // It was acked.
            let Some(events) = found else { continue };
            let Some(events) = numbered.of_entry(&events) else {
                self.reader.put_back(&numbered.name);
                continue;
            };
            debug!(entry = %numbered.name, number = numbered.first.0, "published by the process before, and not delivered");
            let before = self.batch.len();
            let all = events.len();
            events
                .into_iter()
                .filter(|event| !has_expired(event))
                .for_each(|event| self.batch.push(&Publication::of(event)));
            let published = self.batch.len() - before;
            self.destination.metrics().queue_events(QueueResult::Expired, all - published);
            match published {
                0 => self.refused_acks.ack(&mut self.reader, numbered.name),
                publications => entries.push((numbered.name, publications, numbered.first)),
            }
        }
        let mut next = self.destination.publish_again(&mut self.batch);
        for (name, publications, number) in entries {
            self.outstanding.push(name, publications, next.plus(publications - 1), number);
            next = next.plus(publications);
        }
        !self.is_backing_off()
    }

    /// Forgets what was taken and not published: its entries are gone.
    pub(super) fn forget_taken(&mut self) {
        self.taken.events().for_each(|event| self.selection.give_back(event));
        self.taken.drain().for_each(drop);
        self.batch.clear();
    }
}

#[cfg(test)]
mod tests;
