--TEST--
Every method of the original is there, and the setters return the server
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
foreach (["getInstance", "on", "port", "host", "eventQueue", "start", "stop", "isRunning", "broadcast", "getConnectionCount",
    "getConnections", "queueEvent"] as $method) {
    method_exists(WebSocketServer::class, $method) || print("$method is missing\n");
}
$server = WebSocketServer::getInstance();
var_dump($server->port(8099) === $server, $server->host("127.0.0.1") === $server);
var_dump($server->on("/events", function ($connection) {}) === $server, $server->eventQueue($directory) === $server);
var_dump($server->getConnectionCount(), $server->getConnections());
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
int(0)
array(0) {
}
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
