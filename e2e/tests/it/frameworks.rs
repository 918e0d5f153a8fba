//! The code of `docs/frameworks.md`, with stand-ins for what a framework brings.

use std::fs;

use testkit::{Process, temporary_directory};

use crate::docs;
use crate::harness::{built, extension_setting, queue_dir};

/// What Laravel has of these names, as far as the broadcaster of the documentation needs it.
const LARAVEL: &str = "namespace Illuminate\\Broadcasting\\Broadcasters { abstract class Broadcaster {} }
namespace Illuminate\\Broadcasting { class BroadcastException extends \\RuntimeException {} }
namespace Symfony\\Component\\HttpKernel\\Exception { class AccessDeniedHttpException extends \\RuntimeException {} }
";

#[tokio::test]
async fn laravels_broadcaster_queues_what_the_event_says_and_no_socket() {
    let queue = queue_dir();
    let documented =
        docs::code("php").into_iter().find(|code| code.contains("class QueueDirectoryBroadcaster")).unwrap();
    let (_, class) = documented.split_once("namespace App\\Broadcasting;").unwrap();
    // Laravel adds the socket of the page that caused the event, or null.
    let call = "(new QueueDirectoryBroadcaster($argv[1]))->broadcast(['orders'], 'order.created', ['id' => 8, 'socket' => null]);";
    let script = format!("<?php\n{LARAVEL}namespace App\\Broadcasting {{ {class} {call} }}\n");
    let directory = temporary_directory();
    let path = directory.path().join("laravel.php");
    fs::write(&path, script).unwrap();
    let mut command = Process::command(built::php());
    command.args(["-n", "-d", &extension_setting(), "-d", "display_errors=stderr"]).arg(&path).arg(queue.path());
    let mut php = Process::spawn(&mut command);
    assert!(php.exit().await.success(), "{:?}", php.stderr());
    let entries = queue.entries();
    assert_eq!(entries.len(), 1);
    let entry = fs::read_to_string(queue.path().join(&entries[0])).unwrap();
    assert!(entry.contains(r#""payload":{"id":8}"#), "{entry}");
}
