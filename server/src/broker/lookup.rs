//! The thread that looks up whether the stream has an entry that a client has named and that has not come yet. The
//! thread that follows cannot do that: it waits for the next entries.

use tracing::debug;

use super::connect::connect;
use super::connection::Connection;
use super::interruption::Interruption;
use super::options::BrokerOptions;
use super::redis_stream::RedisStream;
use crate::hub::Hub;
use crate::protocol::id::StreamId;

/// Answers what the hub wants to know, until it asks no more.
pub(crate) fn run(options: &BrokerOptions, hub: &Hub) {
    let stream = RedisStream::new(options);
    let mut connection = None;
    while let Some(id) = hub.next_question() {
        match look_up(options, &stream, &mut connection, id) {
            Ok(true) => {}
            Ok(false) => hub.note_absent(id),
            Err(interruption) => {
                // Clients that wait for an answer are told to come back later when their time is over.
                debug!(error = %interruption, "cannot look for an entry of the stream");
                connection = None;
            }
        }
    }
}

fn look_up(
    options: &BrokerOptions,
    stream: &RedisStream,
    connection: &mut Option<Connection>,
    id: StreamId,
) -> Result<bool, Interruption> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(connect(&options.address, stream.key())?),
    };
    Ok(stream.has(connection, id)?)
}
