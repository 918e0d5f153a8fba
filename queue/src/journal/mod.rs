//! The queue as a journal: each producer appends records to a file of its own, a segment, in a folder of the queue
//! directory. For producers that queue often: an append costs a fraction of a file.
//!
//! A record is an entry, framed as [`crate::record`] says. Its body is the content of an entry of several events, so
//! both forms of the queue hold the same events.
//!
//! The flow: a [`writer`](JournalWriter) appends; the reader finds the records in the order of queueing, and deletes a
//! segment when all of it was acked. Others may look.

mod looking;
mod names;
mod positions;
mod reader;
mod reading;
mod resync;
mod writer;

pub(crate) use looking::{JournalFolder, Step, Walk, check_positions};
pub use names::{InvalidRecordName, RecordName, SegmentName};
pub use reader::{Damage, DeniedSegments, max_open_segments};
pub(crate) use reader::{JournalReader, TakenRecord, round_begins};
pub(crate) use reading::WRITING_TIME;
pub use writer::{AppendOptions, JournalWriter, close_in_child};
