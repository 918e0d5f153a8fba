//! What can be seen of a queue directory without owning it. Changes nothing there.

mod backlog;
mod pending;
mod survey;

pub use backlog::Backlog;
pub use pending::Pending;
pub use survey::{entry_files, is_unread_queue, unread_queues};
