//! A system that has no inotify left for us.

use crate::broadcaster::{BINARY, Broadcaster, arguments, command};
use crate::queue_dir::QueueDir;
use crate::wait::{skipped, until};

#[test]
fn without_inotify_the_directory_is_read_by_timer_and_the_processor_stays_idle() {
    let queue = QueueDir::new();
    // The limit of instances is one of the user namespace, so that one of our own does not touch the machine's.
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let namespace = ["--user", "--map-root-user", "sh", "-c"];
    let possible = command("unshare").args(namespace).arg(script).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return skipped("needs unshare(1) and user namespaces");
    }
    let mut shell = command("unshare");
    shell.args(namespace).arg(script).arg(BINARY).args(arguments(&queue.path()));
    let mut broadcaster = Broadcaster::spawn(shell).listening();
    assert_eq!(broadcaster.log_lines("file system reports no changes").len(), 1);
    let mut client = broadcaster.connect();
    for number in 0..20 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    until("all are acked", || queue.waiting() == 0);
    broadcaster.assert_idle();
    assert_eq!(broadcaster.log_lines("file system reports no changes").len(), 1);
    broadcaster.stop();
}
