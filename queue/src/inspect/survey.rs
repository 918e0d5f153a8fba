//! Files of entries, segments, and directories in which events wait that no broadcaster reads.

use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, Stat};

use crate::descriptor::{DIRECTORY, is_same_file};
use crate::directory::{FileName, file, is_taken};
use crate::journal::{JournalFolder, SegmentName};
use crate::layout;

/// How many names of one directory are examined.
const MAX_NAMES: usize = 1000;

/// The folder of the journal of a queue directory.
pub fn journal_folder(queue: &Path) -> PathBuf {
    queue.join(layout::JOURNAL)
}

/// The file that says how far the segments of the journal are acked.
pub fn positions_file(queue: &Path) -> PathBuf {
    queue.join(layout::POSITIONS)
}

/// Files of entries that wait, and of those that have failed, and segments of the journal: among the first names of each
/// directory. Empty if the directory cannot be read. The limit is that of the reader.
pub fn entry_files(queue: &Path, max_event_bytes: u64) -> Vec<(PathBuf, Metadata)> {
    let Ok(directory) = rustix::fs::open(queue, DIRECTORY, Mode::empty()) else { return Vec::new() };
    let mut buffer = Vec::new();
    let mut is_ours =
        |name: OsString| file::is_ours(directory.as_fd(), &FileName::new(name), max_event_bytes, &mut buffer);
    let is_entry = |file: &DirEntry| layout::is_entry(&file.file_name());
    files(queue)
        .filter(is_entry)
        .filter(|file| is_ours(file.file_name()))
        .chain(files(&queue.join(layout::FAILED)).filter(is_entry))
        .chain(files(&journal_folder(queue)).filter(|file| SegmentName::of_file(&file.file_name()).is_some()))
        .filter_map(|file| Some((file.path(), file.metadata().ok()?)))
        .filter(|(_, metadata)| metadata.is_file())
        .collect()
}

/// Directories in `above`, other than `queue`, in which events of our producers wait and that no broadcaster reads. The
/// usual cause is a mistyped path that the producer has created.
pub fn unread_queues(above: &Path, queue: &Path) -> Vec<PathBuf> {
    let ours = rustix::fs::stat(queue).ok();
    let is_ours = |stat: Stat| ours.as_ref().is_some_and(|ours| is_same_file(ours, &stat));
    files(above)
        .filter(|file| file.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|file| file.path())
        .filter(|path| rustix::fs::stat(path).is_ok_and(|stat| !is_ours(stat)))
        .filter(|path| is_unread_queue(path))
        .collect()
}

/// Tells whether events of our producers wait in a directory that no broadcaster reads.
pub fn is_unread_queue(path: &Path) -> bool {
    let is_ours = |file: DirEntry| layout::queued_at(&file.file_name()).is_some();
    (files(path).any(is_ours) || has_records(path)) && !is_taken(path)
}

/// Whether something in the journal of a queue is not acked.
fn has_records(queue: &Path) -> bool {
    let Ok(directory) = rustix::fs::open(queue, DIRECTORY, Mode::empty()) else { return false };
    let Ok(Some(journal)) = JournalFolder::open(directory.as_fd()) else { return false };
    let has_more =
        |name: SegmentName| journal.stat(name).is_some_and(|stat| stat.st_size.unsigned_abs() > journal.position(name));
    journal.names().is_ok_and(|names| names.into_iter().take(MAX_NAMES).any(has_more))
}

fn files(directory: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    fs::read_dir(directory).into_iter().flatten().take(MAX_NAMES).filter_map(Result::ok)
}
