--TEST--
An entry above fastapi_websocket.max_event_bytes: false, a reason with limit and setting, not even a directory
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
print_refusal('default limit', $directory, 'e', str_repeat('x', 1048576));
var_dump(file_exists($directory));
// The limit is for the whole file.
var_dump(WebSocketServer::queueEvent($directory, 'e', str_repeat('x', 1048576 - 100)));
$size = strlen(take_entry($directory));
var_dump($size > 1048476 && $size <= 1048576);

set_setting('max_event_bytes', '1K');
print_refusal('1K', $directory, 'e', str_repeat('x', 1024));
print_refusal('long name', $directory, str_repeat('x', 2000));
var_dump(WebSocketServer::queueEvent($directory, 'e', str_repeat('x', 900)));
take_entry($directory);

set_setting('max_event_bytes', '3M');
var_dump(WebSocketServer::queueEvent($directory, 'e', str_repeat('x', 2 << 20)));
take_entry($directory);
set_setting('max_event_bytes', '1M');
print_refusal('default again', $directory, 'e', str_repeat('x', 2 << 20));
echo count(entries($directory)), " files\n";
?>
--EXPECTF--
default limit: false, the event takes %d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
bool(false)
bool(true)
bool(true)
1K: false, the event takes 1%d bytes, more than the limit of 1024 bytes set by fastapi_websocket.max_event_bytes
long name: false, the event takes 2%d bytes, more than the limit of 1024 bytes set by fastapi_websocket.max_event_bytes
bool(true)
bool(true)
default again: false, the event takes 2097%d bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
0 files
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
