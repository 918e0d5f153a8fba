--TEST--
A reader that deletes what it has read leaves nothing, and queueing goes on afterwards
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
foreach (["first", "second"] as $round) {
    WebSocketServer::queueEvent($directory, $round) && WebSocketServer::queueEvent($directory, $round);
    foreach (glob("$directory/*.json") as $file) {
        unlink($file);
    }
    // Hidden ones included: no temporary file is left.
    var_dump(entries($directory));
}
var_dump(rmdir($directory), WebSocketServer::queueEvent($directory, "again"), count(entries($directory)));
?>
--EXPECT--
array(0) {
}
array(0) {
}
bool(true)
bool(true)
int(1)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
