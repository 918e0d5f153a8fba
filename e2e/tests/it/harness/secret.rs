//! The secret that a broadcaster and PHP share.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use testkit::{Process, QueueDir};

use super::{built, php};

/// The secret of these tests.
const SECRET: &str = "a secret of the end-to-end tests of 44 bytes";

/// Writes the secret into a file that is the user's alone.
pub(crate) fn write(path: &Path) {
    fs::write(path, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// The file of the secret beside a queue.
pub(crate) fn file(queue: &QueueDir) -> PathBuf {
    let path = queue.path().with_file_name("secret");
    if !path.exists() {
        write(&path);
    }
    path
}

/// A token of a user for one channel whose `exp` is so many seconds from now, as no class of ours makes it.
pub(crate) async fn token_that_ends(in_seconds: i64, user: &str, channel: &str) -> String {
    let mut command = Process::command(built::php());
    command.arg("-n").arg(php::script_path("token_that_ends.php"));
    let mut php = Process::spawn(command.args([SECRET, user, channel, &in_seconds.to_string()]));
    assert!(php.exit().await.success(), "{:?}", php.stderr());
    php.stdout().remove(0)
}
