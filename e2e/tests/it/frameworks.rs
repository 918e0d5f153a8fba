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
async fn laravels_broadcaster_queues_for_the_channels_and_leaves_out_the_socket() {
    let queue = queue_dir();
    let documented =
        docs::code("php").into_iter().find(|code| code.contains("class QueueDirectoryBroadcaster")).unwrap();
    let (_, class) = documented.split_once("namespace App\\Broadcasting;").unwrap();
    // Laravel adds the socket of the page that caused the event, or null. Its channels are objects that are texts as well.
    let call = "$channel = new class { public function __toString() { return 'private-user.42'; } };
        $broadcaster = new QueueDirectoryBroadcaster($argv[1]);
        $broadcaster->broadcast(['orders', $channel], 'order.created', ['id' => 8, 'socket' => null]);
        $broadcaster->broadcast([$channel], 'order.created', ['id' => 9, 'socket' => '12.3']);
        try {
            $broadcaster->broadcast(['a b'], 'order.created');
        } catch (\\Illuminate\\Broadcasting\\BroadcastException $exception) {
            echo $exception->getMessage();
        }";
    let script = format!("<?php\n{LARAVEL}namespace App\\Broadcasting {{ {class} {call} }}\n");
    let directory = temporary_directory();
    let path = directory.path().join("laravel.php");
    fs::write(&path, script).unwrap();
    let mut command = Process::command(built::php());
    command.args(["-n", "-d", &extension_setting(), "-d", "display_errors=stderr"]).arg(&path).arg(queue.path());
    let mut php = Process::spawn(&mut command);
    assert!(php.exit().await.success(), "{:?}", php.stderr());
    let lines: Vec<serde_json::Value> = queue
        .entries()
        .iter()
        .map(|name| serde_json::from_slice(&fs::read(queue.path().join(name)).unwrap()).unwrap())
        .collect();
    let of = |key: &str| lines.iter().map(|line| line[key].to_string()).collect::<Vec<String>>();
    assert_eq!(of("payload"), [r#"{"id":8}"#, r#"{"id":9}"#]);
    assert_eq!(of("channels"), [r#"["orders","private-user.42"]"#, r#"["private-user.42"]"#]);
    assert_eq!(of("except"), ["null", r#""12.3""#]);
    let refused = php.stdout().join("");
    assert!(refused.contains("1 to 200"), "{refused}");
}
