#![doc = include_str!("../FORMAT.md")]

mod channel;
mod denied;
mod descriptor;
mod directory;
mod entry_error;
mod entry_name;
mod error;
mod event;
mod inspect;
mod journal;
mod json_problem;
mod layout;
mod limits;
mod line_error;
mod new_event;
mod open_to_all;
mod printable;
mod priority;
mod queue_path;
mod queued_at;
mod reader;
pub mod record;
mod uid;
mod url_secrets;

pub use channel::{ChannelName, InvalidChannel, MAX_CHANNEL_BYTES, MAX_CHANNELS_OF_EVENT};
pub use descriptor::{FIRST_DESCRIPTOR, clear_of_standard};
pub use directory::{
    Announcement, DEFAULT_MAX_EVENT_BYTES, Durability, Failed, FailedEntry, FailedError, FileName, InvalidFailedName,
    InvalidFileName, OtherFiles, Rejected, Standby, Writer, create_directory, holds_directory, lock_file, parse_entry,
};
pub use entry_error::EntryError;
pub use entry_name::{EntryName, InvalidName};
pub use error::{AckError, AppendError, EnqueueError, OpenError, RejectError, ScanError};
pub use event::Event;
pub use inspect::{
    Backlog, Content, JournalState, Pending, Seen, Waiting, entry_files, is_unread_queue, journal_folder,
    positions_file, unread_queues,
};
pub use journal::{
    AppendOptions, Damage, DeniedSegments, InvalidRecordName, JournalWriter, RecordName, SegmentName,
    close_in_child as close_segments_in_child, max_open_segments,
};
pub use layout::{FORWARDED, HISTORY, HISTORY_LOG, JOURNAL, NEW_HISTORY_LOG, POSITIONS};
pub use limits::{MAX_EVENT_NAME_BYTES, MAX_EVENTS_OF_ENTRY, MAX_EXCEPT_BYTES, MAX_KEY_BYTES};
pub use line_error::LineError;
pub use new_event::NewEvent;
pub use open_to_all::remedy_of_open_to_all;
pub use printable::{Shown, printable, shown, shown_bytes};
pub use priority::Priority;
pub use queue_path::{check_path, local_path};
pub use reader::{DEFAULT_GRACE, Entry, Reader, ReaderOptions, StrangeSegments};
pub use uid::{InvalidUid, Uid, reseed};
pub use url_secrets::{text_without_secrets, url_without_secrets};
