//! A system that has no inotify left for us.

use std::path::Path;
use std::process::Command;

use testkit::skipped;

use super::broadcaster::{BINARY, arguments, command};

/// A broadcaster that gets no inotify. `None`: this system cannot do that, and the test is skipped.
pub(crate) fn without_inotify(queue: &Path) -> Option<Command> {
    // The limit of instances is one of the user namespace, so that one of our own does not touch the machine's.
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let namespace = ["--user", "--map-root-user", "sh", "-c"];
    let possible = command("unshare").args(namespace).arg(script).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        skipped("needs unshare(1) and user namespaces");
        return None;
    }
    let mut shell = command("unshare");
    shell.args(namespace).arg(script).arg(BINARY).args(arguments(queue));
    Some(shell)
}
