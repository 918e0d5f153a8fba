--TEST--
eventQueue() and queueEvent() create what is missing, with its parents
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
WebSocketServer::getInstance()->eventQueue("$directory/a/by_server/");
var_dump(is_dir("$directory/a/by_server"), is_writable("$directory/a/by_server"));
var_dump(WebSocketServer::queueEvent("$directory/b/by_event/", "created"));
var_dump(is_dir("$directory/b/by_event"), count(entries("$directory/b/by_event")));
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
int(1)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
