--TEST--
queueEvent() needs no instance, and works from a class, a callable and an object
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump((new ReflectionMethod(WebSocketServer::class, "queueEvent"))->isStatic());
var_dump(WebSocketServer::queueEvent($directory, "by.class"));
var_dump(call_user_func([WebSocketServer::class, "queueEvent"], $directory, "by.callable"));
var_dump((WebSocketServer::queueEvent(...))($directory, "by.closure"));
var_dump(WebSocketServer::getInstance()->queueEvent($directory, "by.object"));
echo implode(" ", array_map(fn ($content) => json_decode($content)->event, entries($directory))), "\n";
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
by.class by.callable by.closure by.object
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
