//! PHP where systemd, a chroot or the kernel forbid it something.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use testkit::{Finish as _, is_root, sandbox, skipped, temporary_directory};

use crate::harness::{Collector, broadcaster, built, extension_setting, queue_dir};

/// Runs the script under a filter, and returns what it printed.
fn queue(filter: sandbox::BpfProgram, queue: &Path, umask: &str, root: Option<&Path>) -> String {
    // Not a command of Process: the thread that starts it ends before it does, and its parent counts as dead then.
    let mut command = Command::new(built::php());
    command.args(["-n", "-d"]).arg(extension_setting()).arg(built::repository().join("e2e/php/queue_in_a_sandbox.php"));
    command.arg(queue).arg(umask).args(root);
    let output = sandbox::run_under(filter, || command.finish());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn php_in_a_chroot_without_proc_on_an_older_kernel_reaches_clients() {
    if !is_root() {
        return skipped("needs root to change the root directory");
    }
    let directory = queue_dir();
    let broadcaster = broadcaster::start(&directory).await;
    let mut client = Collector::of(&broadcaster).await;
    let root = directory.root().to_owned();
    let said = queue(sandbox::without_naming_by_descriptor(), Path::new("/queue"), "077", Some(&root));
    assert_eq!(said, "queued\n");
    assert_eq!(client.messages(1).await[0].payload, r#"{"root":true}"#);
}

#[tokio::test]
async fn php_creates_a_queue_where_the_set_group_id_bit_is_forbidden() {
    let directory = temporary_directory();
    let path = directory.path().join("made/queue");
    assert_eq!(queue(sandbox::without_setgid(), &path, "077", None), "queued\n");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o770);
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o7777, 0o755);
}
