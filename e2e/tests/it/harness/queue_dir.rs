//! A queue directory of a test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::wait::eventually;
use super::{NOBODY, is_root};

pub(crate) struct QueueDir {
    root: TempDir,
}

impl QueueDir {
    /// Creates an empty one, as an administrator would: writable for the broadcaster's user and the group of php-fpm.
    pub(crate) fn new() -> QueueDir {
        let queue = QueueDir { root: temporary_directory() };
        fs::create_dir(queue.path()).unwrap();
        if is_root() {
            std::os::unix::fs::chown(queue.path(), None, Some(NOBODY)).unwrap();
        }
        queue.set_mode(0o2770);
        queue
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("queue")
    }

    pub(crate) fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.path(), Permissions::from_mode(mode)).unwrap();
    }

    /// Writes a file in place, as a producer without the extension does.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), content).unwrap();
    }

    /// The names of the entries, sorted.
    pub(crate) fn entries(&self) -> Vec<String> {
        names(&self.path()).into_iter().filter(|name| name.ends_with(".json")).collect()
    }

    /// The names in the failed folder, sorted.
    pub(crate) fn failed(&self) -> Vec<String> {
        names(&self.path().join("failed"))
    }

    /// Waits until every entry was delivered or rejected.
    pub(crate) async fn is_drained(&self) {
        eventually("the queue is drained", || self.entries().is_empty().then_some(())).await;
    }
}

impl Drop for QueueDir {
    fn drop(&mut self) {
        // Its owner, too, can delete only what he may enter.
        let _ = fs::set_permissions(self.path(), Permissions::from_mode(0o700));
    }
}

/// A directory that every user of the machine may enter, for sockets, configurations and copies.
pub(crate) fn temporary_directory() -> TempDir {
    let directory = TempDir::with_prefix("e2e-").unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    directory
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
