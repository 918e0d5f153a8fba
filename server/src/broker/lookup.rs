//! The thread that looks up whether the stream has an entry that a client has named and that has not come yet. The
//! thread that follows cannot do that: it waits for the next entries.

use tracing::debug;

use super::interruption::Interruption;
use super::link::{Link, LinkEnd};
use super::options::BrokerOptions;
use super::redis_stream::RedisStream;
use crate::hub::Hub;
use crate::protocol::id::StreamId;

/// Looks for entries in the stream.
pub(crate) struct LookUp {
    stream: RedisStream,
    link: Link,
    hub: Hub,
}

impl LookUp {
    /// What is to run on a thread of its own.
    pub(crate) fn new(options: &BrokerOptions, hub: Hub) -> LookUp {
        let stream = RedisStream::new(options);
        LookUp { link: Link::new(options.address.clone(), stream.key()), stream, hub }
    }

    /// What ends its connection.
    pub(super) fn link_end(&self) -> LinkEnd {
        self.link.end()
    }

    /// Answers what the hub wants to know, until it asks no more.
    pub(crate) fn run(mut self) {
        while let Some(id) = self.hub.next_question() {
            match self.look_for(id) {
                Ok(true) => {}
                Ok(false) => self.hub.note_absent(id),
                // Clients that wait for an answer are told to come back later when their time is over.
                Err(interruption) => debug!(error = %interruption, "cannot look for an entry of the stream"),
            }
        }
    }

    fn look_for(&mut self, id: StreamId) -> Result<bool, Interruption> {
        let mut connection = self.link.take()?;
        let found = self.stream.has(&mut connection, id).map_err(Interruption::from);
        self.link.put_back(connection, found)
    }
}
