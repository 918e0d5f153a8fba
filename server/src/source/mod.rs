//! Where events come from: a thread that empties a queue into the hub.

mod directory;
mod lock_watch;
mod rejections;
mod retry;
mod watch;

pub(crate) use directory::{Consumer, ConsumerOptions, Stop};
