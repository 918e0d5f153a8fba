//! Where events come from: a thread that empties a queue into the hub, or into the broker that links several machines.

mod destination;
mod failed_folder;
mod history;
mod journal_problems;
mod journal_watch;
mod key_window;
mod lock_watch;
mod outstanding;
mod past;
mod queue_source;
mod rejections;
mod retry;
mod selection;
mod taken;
mod takeover;
mod watch;

pub(crate) use destination::Destination;
pub(crate) use history::HistoryOptions;
pub(crate) use queue_source::{QueueSource, SourceOptions};
pub use takeover::STANDBY_INTERVAL;
pub(crate) use takeover::{hand_over, has_successor};
