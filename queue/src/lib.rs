#![doc = include_str!("../FORMAT.md")]

mod entry;
mod entry_file;
mod error;
mod event;
mod failed;
mod layout;
mod lock;
mod reader;
mod writer;

pub use entry::{Entry, EntryError, EntryName, InvalidName};
pub use error::{AckError, EnqueueError, OpenError, RejectError, ScanError};
pub use event::Event;
pub use failed::{Backlog, Failed, FailedEntry, FailedError};
pub use layout::draw_anew;
pub use lock::{Standby, holds_directory, lock_file};
pub use reader::{Reader, ReaderOptions};
pub use writer::{Durability, Writer, create_directory};
