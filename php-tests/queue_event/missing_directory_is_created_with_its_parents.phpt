--TEST--
A missing directory is created with its parents; group may write and entries inherit the group
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
umask(0077);
var_dump(WebSocketServer::queueEvent("$directory/a/b/queue", 'e', 1));
echo payload_bytes(take_entry("$directory/a/b/queue")), "\n";
printf("%o\n", fileperms("$directory/a/b/queue") & 07777);
?>
--EXPECT--
bool(true)
1
2770
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
