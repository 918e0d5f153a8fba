#![doc = include_str!("../FORMAT.md")]

mod attempt;
mod backlog;
mod clock;
mod deletion;
mod descriptor;
mod entry;
mod entry_file;
mod error;
mod event;
mod failed;
mod first_start;
mod layout;
mod lock;
mod make_dir;
mod printable;
mod put_off;
mod reader;
mod writer;

pub use backlog::Backlog;
pub use descriptor::{FIRST_DESCRIPTOR, clear_of_standard};
pub use entry::{Entry, EntryError, EntryName, InvalidName};
pub use error::{AckError, EnqueueError, OpenError, RejectError, ScanError};
pub use event::Event;
pub use failed::{Failed, FailedEntry, FailedError};
pub use layout::draw_anew;
pub use lock::{Standby, lock_file};
pub use make_dir::make_shared_dir;
pub use printable::{Shown, printable, shown, shown_bytes};
pub use reader::{Reader, ReaderOptions, Strangers};
pub use writer::{Durability, Writer, create_directory};
