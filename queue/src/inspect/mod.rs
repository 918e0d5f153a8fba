//! What can be seen of a queue without owning it. Changes nothing there.

mod backlog;
mod journal_state;
mod pending;
mod survey;
mod waiting;

pub use backlog::Backlog;
pub use journal_state::JournalState;
pub use pending::Pending;
pub use survey::{entry_files, is_unread_queue, journal_folder, positions_file, unread_queues};
pub use waiting::{Content, Seen, Waiting};
