--TEST--
A relative path begins at the script's current directory
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir("$directory/sub", recursive: true);
chdir($directory);
var_dump(WebSocketServer::queueEvent('queue', 'e', 1));
chdir('sub');
var_dump(WebSocketServer::queueEvent('../queue/', 'e', 2));
var_dump(WebSocketServer::queueEvent('.', 'e', 3));
foreach (entries("$directory/queue") as $entry) {
    echo payload_bytes($entry), "\n";
}
echo payload_bytes(take_entry("$directory/sub")), "\n";

// The reason names the whole path.
touch("$directory/sub/file");
print_refusal('file', 'file', 'e', directory: $directory);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
1
2
3
file: false, cannot write to the queue directory DIRECTORY/sub/file: Not a directory (os error 20)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
