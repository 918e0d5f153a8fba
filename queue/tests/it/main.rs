//! The queue directory as producers and the consumer use it, on a real file system.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod failed;
mod model;
mod read;
mod reuse;
mod sandbox;
mod strangers;
mod util;
mod write;
