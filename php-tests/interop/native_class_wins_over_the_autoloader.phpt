--TEST--
With the extension loaded no autoloader is asked for the class
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
spl_autoload_register(function ($class) { echo "asked for $class\n"; });
var_dump(class_exists('FASTAPI\WebSocket\WebSocketServer'));
var_dump(FASTAPI\WebSocket\WebSocketServer::lastError());
?>
--EXPECT--
bool(true)
NULL
