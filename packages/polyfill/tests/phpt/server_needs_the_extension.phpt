--TEST--
start() says that it needs the extension; the other methods answer as they do before start(), and eventQueue() makes the directory
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->on('/', fn () => null)->eventQueue("$directory/queue");
var_dump(is_dir("$directory/queue"), $server->isRunning(), $server->getConnectionCount());
print_thrown('start', fn () => $server->start());
print_thrown('stop', fn () => $server->stop());
var_dump(class_exists('FASTAPI\WebSocket\WebSocketConnection'));
?>
--EXPECT--
bool(true)
bool(false)
int(0)
start: Exception: WebSocketServer::start() needs the PHP extension fastapi_websocket, which this PHP has not loaded: install it, or let fastapi-broadcaster serve the clients
stop: NULL
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
