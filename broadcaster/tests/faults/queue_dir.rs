//! A queue directory of a test's own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use queue::{EnqueueError, EntryName, Writer};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use crate::broadcaster::BINARY;

pub(crate) struct QueueDir {
    root: TempDir,
    is_mounted: bool,
}

impl QueueDir {
    pub(crate) fn new() -> QueueDir {
        QueueDir::within(&std::env::temp_dir())
    }

    /// In memory, where the system has such a place: for many entries.
    pub(crate) fn in_memory() -> QueueDir {
        let shm = Path::new("/dev/shm");
        QueueDir::within(if shm.is_dir() { shm } else { Path::new("/tmp") })
    }

    /// On a file system of its own, of a size such as `1m`. Needs root.
    pub(crate) fn mounted(size: &str) -> QueueDir {
        let queue = QueueDir { root: TempDir::new().unwrap(), is_mounted: true };
        queue.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "none"]);
        queue::create_directory(&queue.path()).unwrap();
        queue
    }

    fn within(place: &Path) -> QueueDir {
        let queue = QueueDir { root: TempDir::new_in(place).unwrap(), is_mounted: false };
        // Other users of some tests have to get through.
        fs::set_permissions(queue.root(), fs::Permissions::from_mode(0o755)).unwrap();
        queue::create_directory(&queue.path()).unwrap();
        queue
    }

    /// Mounts again with other options, such as `ro`.
    pub(crate) fn remount(&self, options: &str) {
        self.mount(&["-o", &format!("remount,{options}")]);
    }

    fn mount(&self, arguments: &[&str]) {
        let status = Command::new("mount").args(arguments).arg(self.root()).status().unwrap();
        assert!(status.success(), "mount {arguments:?}: {status}");
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root().join("queue")
    }

    pub(crate) fn enqueue(&self, payload: impl ToString) -> EntryName {
        self.try_enqueue(payload).unwrap()
    }

    pub(crate) fn try_enqueue(&self, payload: impl ToString) -> Result<EntryName, EnqueueError> {
        Writer::new(self.path()).enqueue(br#""test""#, payload.to_string().as_bytes())
    }

    /// Writes a file in place, as a producer without the extension does.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// All names in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<OsString> {
        names(&self.path())
    }

    /// How many entries wait.
    pub(crate) fn waiting(&self) -> usize {
        let is_entry = |name: &[u8]| name.ends_with(b".json") && !name.starts_with(b".");
        self.names().iter().filter(|name| is_entry(name.as_encoded_bytes())).count()
    }

    pub(crate) fn failed(&self) -> Vec<OsString> {
        names(&self.path().join("failed"))
    }

    pub(crate) fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Gives the directory to a user and a group. Needs root.
    pub(crate) fn give_to(&self, user: u32, group: u32) {
        chown(self.path(), Some(user), Some(group)).unwrap();
        // Changing the owner clears the set-group-id bit.
        self.set_mode(0o2770);
    }

    /// A copy of the broadcaster that every user may run: the build directory is often for its owner only.
    pub(crate) fn public_binary(&self) -> PathBuf {
        let copy = self.root().join("broadcaster");
        fs::copy(BINARY, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        copy
    }

    /// Calls `start` while the path names an empty directory, and puts what waits back in one step then: who connects in
    /// `start` gets all of it. Nobody may write meanwhile.
    pub(crate) fn held_back<T>(&self, start: impl FnOnce() -> T) -> T {
        let held = self.root().join("held");
        fs::rename(self.path(), &held).unwrap();
        queue::create_directory(&self.path()).unwrap();
        let started = start();
        renameat_with(CWD, &held, CWD, self.path(), RenameFlags::EXCHANGE).unwrap();
        fs::remove_dir_all(held).unwrap();
        started
    }
}

impl Drop for QueueDir {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg("--lazy").arg(self.root()).status();
        }
    }
}

fn names(path: &Path) -> Vec<OsString> {
    let Ok(files) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<OsString> = files.filter_map(|file| Some(file.ok()?.file_name())).collect();
    names.sort();
    names
}
