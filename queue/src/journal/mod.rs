//! The queue as a journal: each producer appends records to a file of its own, a segment, in a folder of the queue
//! directory. For producers that queue often: an append costs a fraction of a file.
//!
//! A record is an entry, framed as [`crate::record`] says. Its body is the content of an entry of several events, so
//! both forms of the queue hold the same events.

mod names;
mod positions;
mod reader;
mod writer;

pub use names::{InvalidRecordName, RecordName, SegmentName};
pub use reader::{Damage, max_open_segments};
pub(crate) use reader::{JournalReader, TakenRecord, round_begins};
pub use writer::{AppendOptions, JournalWriter, close_in_child};
