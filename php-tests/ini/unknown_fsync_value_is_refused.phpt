--TEST--
An unknown fastapi_websocket.fsync is refused with a warning, and the value of before stays
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

var_dump(ini_set('fastapi_websocket.fsync', 'full'), ini_set('fastapi_websocket.fsync', 'always'), ini_get('fastapi_websocket.fsync'));

echo run_php('-d display_startup_errors=1 -d html_errors=0 -d fastapi_websocket.fsync=always -r '
    . escapeshellarg('var_dump(ini_get("fastapi_websocket.fsync"));'));
?>
--EXPECTF--
Warning: ini_set(): fastapi_websocket.fsync must be none, data or full, "always" is ignored in %s on line %d
string(4) "none"
bool(false)
string(4) "full"
%AWarning: PHP Startup: fastapi_websocket.fsync must be none, data or full, "always" is ignored in Unknown on line 0
string(4) "none"
