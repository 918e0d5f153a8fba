//! Explains an error such as "Permission denied": which user has no right to do what, and the remedy. It examines the
//! directories, so it must run when the error occurs: later the answers may be different.

use std::fmt::Write;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};
use rustix::fs::{Access, AtFlags, CWD};

use crate::printable::shown;

/// What to add to an error about the queue directory `path`: empty, or a text that begins with a separator.
pub(crate) fn explain(path: &Path, cause: &io::Error) -> String {
    match cause.kind() {
        ErrorKind::PermissionDenied => explain_permission(path),
        ErrorKind::ReadOnlyFilesystem => {
            format!("; if the unit of this process protects it, add to that unit: ReadWritePaths={}", shown(path))
        }
        ErrorKind::NotFound => dangling_link(path),
        _ => String::new(),
    }
}

fn explain_permission(path: &Path) -> String {
    let (user, group) = (Uid::effective(), Gid::effective());
    let (me, my_group) = (user_name(user.as_raw()), group_name(group.as_raw()));
    let mut text = format!(
        "; this process runs as user {}, group {}",
        name_with_id(&me, user.as_raw()),
        name_with_id(&my_group, group.as_raw())
    );
    let by_name = |name: Option<String>, id: u32| name.unwrap_or_else(|| id.to_string());
    let (me, my_group) = (by_name(me, user.as_raw()), by_name(my_group, group.as_raw()));

    // From the root downwards, to name the first directory that refuses.
    let above: Vec<&Path> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
    if let Some(closed) = above.iter().rev().find(|above| above.is_dir() && !may(above, Access::EXEC_OK)) {
        let _ = write!(text, ", which may not enter {}: {}", owned(closed), remedy_of_closed(closed));
        return text;
    }
    let Ok(metadata) = fs::metadata(path) else {
        let nearest = above.iter().find(|above| above.exists()).map_or_else(String::new, |above| owned(above));
        let _ = write!(
            text,
            ", which may not create a directory in {nearest}: as root, install -d -o {me} -g {my_group} -m 2770 {}",
            shown(path)
        );
        return text;
    };
    if may(path, Access::WRITE_OK | Access::EXEC_OK) {
        text.push_str(
            ", whose rights are sufficient: something else forbids it, such as SELinux, AppArmor or the sandbox of a unit",
        );
        return text;
    }
    let _ = write!(text, ", and may not write to {}: ", owned(path));
    let its_group = metadata.gid();
    let _ = if metadata.mode() & 0o030 != 0o030 {
        write!(text, "as root, chgrp {my_group} {0} && chmod 2770 {0}", shown(path))
    } else {
        write!(
            text,
            "as root, usermod -aG {} {me}, then start the process again",
            by_name(group_name(its_group), its_group)
        )
    };
    text
}

/// The files of people are nobody else's business: a home directory is not to be opened for a queue.
fn remedy_of_closed(directory: &Path) -> String {
    let is_home = directory == Path::new("/root") || directory.parent() == Some(Path::new("/home"));
    if is_home {
        "it is a home directory, so put the queue elsewhere, for example into /var/lib/fastapi-broadcaster/queue".into()
    } else {
        format!("as root, chmod a+x {}", shown(directory))
    }
}

fn may(path: &Path, access: Access) -> bool {
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

fn dangling_link(path: &Path) -> String {
    match fs::read_link(path) {
        Ok(target) => {
            format!("; it is a symbolic link to {}, which is missing: create that directory", shown(&target))
        }
        Err(_) => String::new(),
    }
}

/// A path with owner, group and mode.
fn owned(path: &Path) -> String {
    let described = |metadata: Metadata| {
        format!(
            "{} (user {}, group {}, mode {:o})",
            shown(path),
            name_with_id(&user_name(metadata.uid()), metadata.uid()),
            name_with_id(&group_name(metadata.gid()), metadata.gid()),
            metadata.mode() & 0o7777
        )
    };
    fs::metadata(path).map_or_else(|_| shown(path).to_string(), described)
}

/// A name and its number; in a chroot there may be no name.
fn name_with_id(name: &Option<String>, id: u32) -> String {
    name.as_ref().map_or_else(|| id.to_string(), |name| format!("{name} ({id})"))
}

fn user_name(id: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(id)).ok().flatten().map(|user| user.name)
}

fn group_name(id: u32) -> Option<String> {
    Group::from_gid(Gid::from_raw(id)).ok().flatten().map(|group| group.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_directory_is_not_to_be_opened_for_a_queue() {
        for home in ["/root", "/home/ann"] {
            let remedy = remedy_of_closed(Path::new(home));
            assert!(remedy.contains("put the queue elsewhere") && !remedy.contains("chmod"), "{home}: {remedy}");
        }
        assert_eq!(remedy_of_closed(Path::new("/home/ann/app")), "as root, chmod a+x /home/ann/app");
    }
}
