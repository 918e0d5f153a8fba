//! Events of clients on their way to everybody (`relay_client_events`). A thread of their own publishes them: it may
//! have to wait for the disk that the history log is on, and the threads of the hub never do.

use queue::Event;
use tracing::{error, info, warn};

use crate::disconnect::Disconnect;
use crate::hub::Hub;
use crate::hub::batch::Batch;
use crate::hub::relay::Relayed;
use crate::session_id::SessionId;

impl Hub {
    /// Sends an event of a client to everybody. If more events of clients wait already than may, for a disk that does
    /// not answer for example, the client is disconnected.
    pub fn relay(&self, from: SessionId, event: Event) {
        if !self.shared.relay.push(event) {
            self.close(from, Disconnect::TooManyMessages);
        }
    }

    /// Publishes what clients send, until [`end_relay`](Self::end_relay) and everything from before is out.
    pub(crate) fn run_relay(&self) {
        let relay = &self.shared.relay;
        let mut batch = Batch::default();
        while let Some((events, bytes)) = relay.take() {
            events.iter().for_each(|relayed| batch.push(&relayed.publication()));
            self.publish_relayed(&batch, &events);
            batch.clear();
            relay.free(bytes);
        }
    }

    /// Takes no more events of clients.
    pub(crate) fn end_relay(&self) {
        self.shared.relay.end();
    }

    fn publish_relayed(&self, batch: &Batch, events: &[Relayed]) {
        let mut has_failed = false;
        while let Err(error) = self.append(batch, |first| Relayed::logged(events, first)) {
            if !self.shared.relay.wait_to_retry() {
                let events = events.len();
                return error!(%error, events, "events of clients are not sent");
            }
            if !has_failed {
                warn!(%error, "events of clients wait: neither can they be written to the history log, nor can that be \
                    deleted");
            }
            has_failed = true;
        }
        self.offer(batch.len());
        if has_failed {
            info!("events of clients are sent again");
        }
    }
}

#[cfg(test)]
mod tests;
