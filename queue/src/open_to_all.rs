//! What to do about a queue directory that every user can write to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::printable::shown;

/// Only the owner of a file may delete it: so a directory is marked that all programs share.
const STICKY: u32 = 0o1000;
/// Directories that all programs share. Containers may mount them without that mark.
const SHARED: [&str; 4] = ["/", "/tmp", "/var/tmp", "/dev/shm"];

/// Other programs need such a directory as it is: only one that is for events alone may be closed.
pub fn remedy_of_open_to_all(path: &Path) -> String {
    let is_sticky = fs::metadata(path).is_ok_and(|metadata| metadata.mode() & STICKY != 0);
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if is_sticky || SHARED.iter().any(|shared| real == Path::new(shared)) {
        "all programs share it: make a directory for events alone, for example install -d -o www-data -g www-data \
         -m 2770 /var/lib/fastapi-broadcaster/queue, and name that one here and in PHP"
            .to_owned()
    } else {
        format!("chmod o-w {}", shown(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_a_directory_that_is_no_shared_one_is_to_be_closed() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let remedy = |mode| {
            fs::set_permissions(directory.path(), Permissions::from_mode(mode)).expect("a mode");
            remedy_of_open_to_all(directory.path())
        };
        assert_eq!(remedy(0o777), format!("chmod o-w {}", directory.path().display()));
        for told in [remedy(0o1777), remedy_of_open_to_all(Path::new("/tmp/")), remedy_of_open_to_all(Path::new("/"))] {
            assert!(told.contains("make a directory for events alone") && !told.contains("chmod"), "{told}");
        }
    }
}
