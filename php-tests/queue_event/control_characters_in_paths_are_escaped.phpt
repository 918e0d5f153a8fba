--TEST--
lastError() and warnings escape control characters of the path
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
use FASTAPI\WebSocket\WebSocketServer;

$path = "/dev/null/a\x1b[2J\nb\u{9b}\u{2028}\x7f";
var_dump(WebSocketServer::queueEvent($path, 'event'));
echo WebSocketServer::lastError(), "\n";
WebSocketServer::getInstance()->eventQueue($path);
?>
--EXPECTF--
bool(false)
cannot %s the queue directory /dev/null/a\u001b[2J\nb\u009b\u2028\u007f: Not a directory (os error 20)

Warning: %scannot create the queue directory /dev/null/a\u001b[2J\nb\u009b\u2028\u007f: %s in %s on line %d
