#![doc = include_str!("../FORMAT.md")]

mod create_directory;
mod denied;
mod entry;
mod entry_file;
mod error;
mod event;
mod failed;
mod layout;
mod lock;
mod naming;
mod queue_path;
mod reader;
mod survey;
mod writer;

pub use create_directory::create_directory;
pub use entry::{Entry, EntryError, EntryName, InvalidName};
pub use error::{AckError, EnqueueError, OpenError, RejectError, ScanError};
pub use event::Event;
pub use failed::{Backlog, Failed, FailedEntry, FailedError};
pub use layout::draw_anew;
pub use lock::{Standby, lock_file};
pub use queue_path::local_path;
pub use reader::{Reader, ReaderOptions};
pub use survey::{entry_files, is_unread_queue, unread_queues};
pub use writer::{Durability, Writer};
