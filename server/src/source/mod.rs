//! Where events come from: a thread that empties a queue into the hub, or into the broker that links several machines.

mod destination;
mod directory;
mod failed_folder;
mod history;
mod journal;
mod key_window;
mod lock_watch;
mod outstanding;
mod past;
mod rejections;
mod retry;
mod selection;
mod taken;
mod takeover;
mod watch;

pub(crate) use destination::Destination;
pub(crate) use directory::{DirectoryOptions, DirectorySource};
pub(crate) use history::HistoryOptions;
pub use takeover::STANDBY_INTERVAL;
pub(crate) use takeover::{hand_over, has_successor};
