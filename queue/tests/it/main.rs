//! The queue directory as producers and the consumer use it, on a real file system.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod events;
mod events_round_trip;
mod failed;
mod journal;
mod journal_damage;
mod journal_model;
mod journal_writer;
mod lanes;
mod looking;
mod model;
mod other_files;
mod read;
mod reuse;
mod segments;
mod util;
mod write;
