//! The queue as a directory: one file for an event, or for several that were queued at once.
//!
//! The flow: a [`writer`](Writer) gives a complete file its name; the [`reader`](Reader), the one owner of the
//! directory, finds it, reads it, and deletes it or moves it to the folder of [`failed`](Failed) entries. The remaining
//! parts only look.

mod announcement;
mod create;
mod entry;
mod failed;
pub(crate) mod file;
mod lock;
mod naming;
mod reader;
mod writer;

pub use announcement::Announcement;
pub use create::create_directory;
pub(crate) use create::create_folder;
pub use entry::{FileName, InvalidFailedName, InvalidFileName, parse_entry};
pub use failed::{Failed, FailedEntry, FailedError, Rejected};
pub(crate) use failed::{put_aside_content, put_aside_segment, write_entry};
pub(crate) use file::Stamp;
pub(crate) use lock::is_taken;
pub use lock::{Standby, holds_directory, lock_file};
pub(crate) use reader::DirectoryReader;
pub use reader::OtherFiles;
pub use writer::{DEFAULT_MAX_EVENT_BYTES, Durability, Writer};
