#![doc = include_str!("../FORMAT.md")]

mod attempt;
mod backlog;
mod clock;
mod create_directory;
mod deletion;
mod denied;
mod descriptor;
mod entry;
mod entry_file;
mod error;
mod event;
mod failed;
mod first_start;
mod layout;
mod lock;
mod naming;
mod printable;
mod put_off;
mod queue_path;
mod reader;
mod survey;
mod writer;

pub use backlog::Backlog;
pub use create_directory::create_directory;
pub use descriptor::{FIRST_DESCRIPTOR, clear_of_standard};
pub use entry::{Entry, EntryError, EntryName, InvalidName};
pub use error::{AckError, EnqueueError, OpenError, RejectError, ScanError};
pub use event::Event;
pub use failed::{Failed, FailedEntry, FailedError, Rejected};
pub use layout::reseed;
pub use lock::{Standby, holds_directory, lock_file};
pub use printable::{Shown, printable, shown, shown_bytes};
pub use queue_path::{check_path, local_path};
pub use reader::{OtherFiles, Reader, ReaderOptions};
pub use survey::{entry_files, is_unread_queue, unread_queues};
pub use writer::{Durability, Writer};
