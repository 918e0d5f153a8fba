--TEST--
The extension is loaded, the server is there and takes a queue directory
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump(extension_loaded("fastapi_websocket"));
$server = WebSocketServer::getInstance();
var_dump($server instanceof WebSocketServer, $server === WebSocketServer::getInstance());
var_dump($server->eventQueue($directory) === $server, $server->isRunning());
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
