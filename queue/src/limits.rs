//! Limits of entries of several events. Producers and readers check the same ones.

/// The version of the lines that this program writes. It reads no higher one.
pub(crate) const VERSION: u64 = 1;
/// Most events of one entry.
pub const MAX_EVENTS_OF_ENTRY: usize = 1000;
/// Longest name of an event in such an entry, in bytes of its JSON text.
pub const MAX_EVENT_NAME_BYTES: usize = 1024;
/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 200;
/// Longest id of a client in `except`, in bytes.
pub const MAX_EXCEPT_BYTES: usize = 64;
/// So many times the largest entry may its messages have: clients get a message for one channel of an event, and the
/// server makes one for each channel.
const MAX_COPIES: u64 = 4;

/// The limit that the messages of an entry exceed, in bytes, if they do: its bytes, times the most channels that one of
/// its events has.
pub(crate) fn exceeded_by(size: u64, channels: usize, max_event_bytes: u64) -> Option<u64> {
    let limit = max_event_bytes.saturating_mul(MAX_COPIES);
    (size.saturating_mul(channels.max(1) as u64) > limit).then_some(limit)
}
