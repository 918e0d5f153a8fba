//! A queue directory of a test's own, deleted with the value.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use queue::{EnqueueError, FileName, Writer};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use crate::wait::eventually;

/// A queue directory in a temporary directory, which has room for other files beside it.
pub struct QueueDir {
    root: TempDir,
    is_mounted: bool,
}

impl QueueDir {
    /// Creates an empty one.
    #[allow(clippy::new_without_default, reason = "it does much, and may fail")]
    pub fn new() -> QueueDir {
        QueueDir::create(temporary_directory())
    }

    /// In memory, where the system has such a place: for many entries.
    pub fn in_memory() -> QueueDir {
        let shm = Path::new("/dev/shm");
        QueueDir::create(temporary_directory_in(if shm.is_dir() { shm } else { Path::new("/tmp") }))
    }

    /// On a file system of its own, of a size such as `1m`. Needs root.
    pub fn mounted(size: &str) -> QueueDir {
        let queue = QueueDir { root: TempDir::new().unwrap(), is_mounted: true };
        queue.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "none"]);
        queue::create_directory(&queue.path()).unwrap();
        queue
    }

    fn create(root: TempDir) -> QueueDir {
        let queue = QueueDir { root, is_mounted: false };
        queue::create_directory(&queue.path()).unwrap();
        queue
    }

    /// Mounts again with other options, such as `ro`.
    pub fn remount(&self, options: &str) {
        self.mount(&["-o", &format!("remount,{options}")]);
    }

    fn mount(&self, arguments: &[&str]) {
        let status = Command::new("mount").args(arguments).arg(self.root()).status().unwrap();
        assert!(status.success(), "mount {arguments:?}: {status}");
    }

    /// The temporary directory around it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The directory itself.
    pub fn path(&self) -> PathBuf {
        self.root().join("queue")
    }

    /// Queues an event with the name `test`.
    pub fn enqueue(&self, payload: impl ToString) -> FileName {
        self.try_enqueue(payload).unwrap()
    }

    /// The same where it may fail.
    pub fn try_enqueue(&self, payload: impl ToString) -> Result<FileName, EnqueueError> {
        try_enqueue(&self.path(), payload)
    }

    /// Writes a file in place, as a producer without the extension does.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// All names in the directory, sorted.
    pub fn names(&self) -> Vec<String> {
        names(&self.path())
    }

    /// The names of entries, sorted. Those of temporary files are among them: a test that expects none expects that
    /// none of these is left either.
    pub fn entries(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.ends_with(".json") || name.ends_with(".events")).collect()
    }

    /// How many entries wait. Temporary files do not count.
    pub fn waiting(&self) -> usize {
        self.entries().iter().filter(|name| !name.starts_with('.')).count()
    }

    /// Waits until every entry was delivered or rejected.
    pub async fn is_drained(&self) {
        eventually("the queue is drained", || self.entries().is_empty()).await;
    }

    /// The names in the folder of failed entries, sorted.
    pub fn failed(&self) -> Vec<String> {
        names(&self.path().join("failed"))
    }

    /// Sets the permissions of the directory.
    pub fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.path(), Permissions::from_mode(mode)).unwrap();
    }

    /// Gives the directory to a user and a group. Needs root.
    pub fn give_to(&self, user: u32, group: u32) {
        chown(self.path(), Some(user), Some(group)).unwrap();
        // Changing the owner clears the set-group-id bit.
        self.set_mode(0o2770);
    }

    /// Calls `start` while the path names an empty directory, and puts what waits back in one step then: clients that
    /// connect in `start` get all of it. Nobody may write meanwhile.
    pub fn held_back<T>(&self, start: impl FnOnce() -> T) -> T {
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
            return;
        }
        // Its owner, too, can delete only what he may enter.
        let _ = fs::set_permissions(self.path(), Permissions::from_mode(0o700));
    }
}

/// Queues an event with the name `test` into a directory. It may be large.
pub fn enqueue(queue: &Path, payload: impl ToString) {
    try_enqueue(queue, payload).unwrap();
}

fn try_enqueue(queue: &Path, payload: impl ToString) -> Result<FileName, EnqueueError> {
    Writer::new(queue).max_event_bytes(64 << 20).enqueue(br#""test""#, payload.to_string().as_bytes())
}

/// A directory that every user of the machine may enter, for sockets, configurations and copies.
pub fn temporary_directory() -> TempDir {
    temporary_directory_in(&std::env::temp_dir())
}

fn temporary_directory_in(place: &Path) -> TempDir {
    let directory = TempDir::with_prefix_in("testkit-", place).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    directory
}

/// A copy of a program that every user may run: the build directory is often for its owner only.
pub fn public_copy(program: &Path, directory: &Path) -> PathBuf {
    let copy = directory.join(program.file_name().unwrap());
    // By another process: what this one has open for writing is for a moment open in children that other tests start,
    // and a program that is open for writing cannot be started.
    assert!(Command::new("cp").args([program, &copy]).status().unwrap().success());
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    copy
}

/// Makes a file look as if it was written so long ago.
pub fn make_old(path: &Path, age: Duration) {
    let written = SystemTime::now() - age;
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(written)).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
