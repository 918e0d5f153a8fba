//! What a forwarder looks up when it does not know what its last commands did: after its start, and after a connection
//! broke.

use std::collections::HashSet;

use queue::Uid;
use redis::{ConnectionLike, RedisResult};

use super::entry::{Content, StreamEntry};
use super::redis_stream::RedisStream;
use crate::protocol::id::StreamId;

/// Entries that are read at once.
const AT_ONCE: usize = 1000;

/// What is in the stream.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The events after what was confirmed last, or all if that is gone.
    pub(super) uids: HashSet<Uid>,
    /// The newest entry of those that were read.
    pub(super) newest: Option<StreamId>,
    /// What was confirmed last is still there.
    pub(super) is_there: bool,
    /// The server has lost entries that it had acknowledged.
    pub(super) has_lost: bool,
}

/// Looks for what was confirmed last, and reads on after it. If the server has lost it, adds an entry first that says
/// so to all who follow.
pub(super) fn reconcile(
    stream: &RedisStream,
    connection: &mut impl ConnectionLike,
    confirmed: Option<StreamId>,
    max_entries: u64,
) -> RedisResult<Found> {
    let mut found = Found::default();
    let mut place = None;
    if let Some(id) = confirmed {
        found.is_there = stream.has(connection, id)?;
        if found.is_there {
            place = Some(id.place);
        } else {
            // A stream that begins after it was trimmed or emptied. All who follow it find that out by themselves.
            found.has_lost = stream.oldest(connection)?.is_some_and(|oldest| oldest.id.place <= id.place);
        }
    }
    if found.has_lost {
        stream.add_gap(connection, max_entries)?;
    }
    loop {
        let entries = stream.after(connection, place, AT_ONCE)?;
        let is_last = entries.len() < AT_ONCE;
        for StreamEntry { id, content, .. } in entries {
            (place, found.newest) = (Some(id.place), Some(id));
            if let Content::Event(event) = content {
                found.uids.insert(event.uid());
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}
