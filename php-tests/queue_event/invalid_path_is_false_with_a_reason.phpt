--TEST--
An invalid path: false without warning or exception, nothing is created, lastError() says why
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
touch("$directory/file");
foreach (["", "$directory/file", "$directory/file/below", "/proc/no/such/queue", "a\0b"] as $path) {
    var_dump(WebSocketServer::queueEvent($path, "never"), is_string(WebSocketServer::lastError()));
}
echo implode(" ", array_keys(entries($directory))), "\n";
var_dump(WebSocketServer::queueEvent($directory, "after.all"), WebSocketServer::lastError());
?>
--EXPECT--
bool(false)
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
file
bool(true)
NULL
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
