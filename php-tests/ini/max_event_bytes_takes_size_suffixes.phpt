--TEST--
fastapi_websocket.max_event_bytes: bytes or K, M, G; anything else is refused and the value of before stays
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

var_dump(ini_get('fastapi_websocket.max_event_bytes'));
foreach (['1000', '64K', '2m', '1G'] as $size) {
    ini_set('fastapi_websocket.max_event_bytes', $size);
    var_dump(ini_get('fastapi_websocket.max_event_bytes'));
}
foreach (['0', '-1', '0K', '', 'many', '1.5M', '1T', '99999999999999999999', '99999999999G'] as $size) {
    var_dump(@ini_set('fastapi_websocket.max_event_bytes', $size));
}
var_dump(ini_get('fastapi_websocket.max_event_bytes'));
ini_set('fastapi_websocket.max_event_bytes', '-1');

echo run_php('-d fastapi_websocket.max_event_bytes=2M -r ' . escapeshellarg('var_dump(ini_get("fastapi_websocket.max_event_bytes"));'));
?>
--EXPECTF--
string(7) "1048576"
string(4) "1000"
string(3) "64K"
string(2) "2m"
string(2) "1G"
bool(false)
bool(false)
bool(false)
bool(false)
bool(false)
bool(false)
bool(false)
bool(false)
bool(false)
string(2) "1G"

Warning: ini_set(): fastapi_websocket.max_event_bytes must be a size above 0 such as 65536, 512K or 2M, "-1" is ignored in %s on line %d
string(2) "2M"
