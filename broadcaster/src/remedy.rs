//! What to do about a queue directory that the broadcaster cannot use, by what the system said. For the log and for
//! doctor.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group};
use queue::{OpenError, shown};

/// A text without an end, such as "make room on its file system".
pub(crate) fn remedy(error: &OpenError, queue: &Path) -> String {
    let (path, cause) = match error {
        OpenError::Io { path, cause, .. } => (path, cause),
        OpenError::NotAQueue { .. } => {
            return "name the directory of the events with --queue, or move the other files away".to_owned();
        }
        OpenError::NotADirectory(_) => return "name the directory of the events with --queue".to_owned(),
        OpenError::NotALockFile(path) => return format!("rm -r {}", shown(path)),
        _ => return "is --queue right?".to_owned(),
    };
    match cause.kind() {
        ErrorKind::PermissionDenied if path != queue && fs::symlink_metadata(path).is_ok() => {
            format!("a broadcaster ran as another user once: see that none runs, then delete {}", shown(path))
        }
        ErrorKind::PermissionDenied => permission(queue),
        ErrorKind::ReadOnlyFilesystem => format!(
            "mount it so that it can be written to; if a unit of systemd protects it, add to the broadcaster's unit: \
             ReadWritePaths={}",
            shown(queue)
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on its file system".to_owned(),
        _ => "is --queue right?".to_owned(),
    }
}

fn permission(queue: &Path) -> String {
    let Ok(metadata) = fs::metadata(queue) else {
        return "let the broadcaster's user enter all directories above it".to_owned();
    };
    let group = metadata.gid();
    let group = Group::from_gid(Gid::from_raw(group)).ok().flatten().map_or_else(|| group.to_string(), |it| it.name);
    let open = if metadata.mode() & 0o070 == 0o070 { "" } else { ", and let the group use it: chmod g+rwx DIR" };
    let open = open.replace("DIR", &shown(queue).to_string());
    format!("run the broadcaster as a user of the directory's group, {group}{open}")
}
