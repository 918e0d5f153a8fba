//! Where events come from: a thread that empties a queue into the hub.

mod directory;
mod lock_watch;
mod rejections;
mod retry;
mod takeover;
mod watch;

pub(crate) use directory::{DirectoryOptions, DirectorySource, Stop};
pub use takeover::STANDBY_INTERVAL;
pub(crate) use takeover::{hand_over, has_successor};
