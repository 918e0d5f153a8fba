--TEST--
fastapi_websocket.fsync: none is the default, data and full work, also when php.ini's keywords are used
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump(ini_get('fastapi_websocket.fsync'));
foreach (['none', 'data', 'full', 'FULL', ' data ', ''] as $mode) {
    var_dump(ini_set('fastapi_websocket.fsync', $mode));
    if (!WebSocketServer::queueEvent($directory, 'e', $mode)) {
        exit(WebSocketServer::lastError());
    }
    echo payload_bytes(take_entry($directory)), "\n";
}
ini_restore('fastapi_websocket.fsync');
var_dump(ini_get('fastapi_websocket.fsync'));

// An unquoted none is a keyword of the ini language and arrives as the empty string.
echo run_php('-d fastapi_websocket.fsync=none -r ' . escapeshellarg('var_dump(ini_get("fastapi_websocket.fsync"));'));
?>
--EXPECT--
string(4) "none"
string(4) "none"
"none"
string(4) "none"
"data"
string(4) "data"
"full"
string(4) "full"
"FULL"
string(4) "FULL"
" data "
string(6) " data "
""
string(4) "none"
string(0) ""
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
