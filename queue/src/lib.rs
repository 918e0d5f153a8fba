#![doc = include_str!("../FORMAT.md")]

mod channel;
mod denied;
mod descriptor;
mod directory;
mod error;
mod event;
mod printable;
mod queue_path;
mod queued_at;
mod uid;

pub use channel::{ChannelName, InvalidChannel, MAX_CHANNEL_BYTES, MAX_CHANNELS_OF_EVENT};
pub use descriptor::{FIRST_DESCRIPTOR, clear_of_standard};
pub use directory::{
    Backlog, DEFAULT_GRACE, DEFAULT_MAX_EVENT_BYTES, Durability, Entry, EntryName, Failed, FailedEntry, FailedError,
    InvalidName, OtherFiles, Reader, ReaderOptions, Rejected, Standby, Writer, create_directory, entry_files,
    holds_directory, is_unread_queue, lock_file, reseed, unread_queues,
};
pub use error::{AckError, EnqueueError, EntryError, OpenError, RejectError, ScanError};
pub use event::Event;
pub use printable::{Shown, printable, shown, shown_bytes};
pub use queue_path::{check_path, local_path};
pub use uid::Uid;
