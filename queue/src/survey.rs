//! What somebody who does not own a directory can tell about it: files and modes. Changes nothing.

use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::layout;
use crate::lock;

/// How many names of one directory are looked at.
const MAX_NAMES: usize = 1000;

/// Files of entries that wait, and of those that have failed: the first of each. Empty if the directory cannot be read.
pub fn entry_files(queue: &Path) -> Vec<(PathBuf, Metadata)> {
    let is_entry = |file: &DirEntry| layout::is_entry(&file.file_name());
    [queue.to_owned(), queue.join(layout::FAILED)]
        .iter()
        .flat_map(|directory| files(directory).filter(is_entry))
        .filter_map(|file| Some((file.path(), file.metadata().ok()?)))
        .filter(|(_, metadata)| metadata.is_file())
        .collect()
}

/// Directories in `above` in which events of our producers wait and that no broadcaster reads, other than `queue`: most
/// often a path was mistyped, and the producer created it.
pub fn unread_queues(above: &Path, queue: &Path) -> Vec<PathBuf> {
    let ours = fs::metadata(queue).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    files(above)
        .filter(|file| file.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|file| file.path())
        .filter(|path| fs::metadata(path).is_ok_and(|metadata| Some((metadata.dev(), metadata.ino())) != ours))
        .filter(|path| is_unread_queue(path))
        .collect()
}

/// Tells whether events of our producers wait in a directory that no broadcaster reads.
pub fn is_unread_queue(path: &Path) -> bool {
    let is_ours = |file: DirEntry| layout::queued_at(&file.file_name()).is_some();
    files(path).any(is_ours) && !lock::is_taken(path)
}

fn files(directory: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    fs::read_dir(directory).into_iter().flatten().take(MAX_NAMES).filter_map(Result::ok)
}
