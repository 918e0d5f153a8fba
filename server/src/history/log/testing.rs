//! What a test decides about the disk that the log is on, and what it gets to know: for one thread.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, PoisonError};

/// What is on the disk now, whatever happens.
#[derive(Debug)]
pub(crate) enum Synced {
    /// A file of the log, with this content.
    Log { inode: u64, content: Vec<u8> },
    /// The names in the directory of the log.
    Names,
    /// The queue directory.
    Queue,
}

/// What was synced, in order.
pub(crate) type Syncs = Arc<Mutex<Vec<Synced>>>;

thread_local! {
    /// The boot of the system, if the test decides that.
    pub(crate) static BOOT: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Is told what was synced.
    pub(crate) static SYNCS: RefCell<Option<Syncs>> = const { RefCell::new(None) };
}

pub(super) fn log_synced(file: &File) {
    tell(|| {
        let metadata = file.metadata().expect("the file is open");
        let mut content = vec![0; metadata.len() as usize];
        file.read_exact_at(&mut content, 0).expect("the file can be read");
        Synced::Log { inode: metadata.ino(), content }
    });
}

pub(super) fn names_synced() {
    tell(|| Synced::Names);
}

pub(super) fn queue_synced() {
    tell(|| Synced::Queue);
}

fn tell(what: impl FnOnce() -> Synced) {
    SYNCS.with_borrow(|syncs| {
        if let Some(syncs) = syncs {
            syncs.lock().unwrap_or_else(PoisonError::into_inner).push(what());
        }
    });
}
