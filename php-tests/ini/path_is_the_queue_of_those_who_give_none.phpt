--TEST--
fastapi_websocket.path is the queue where no path is given; a path that is given comes first
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump(ini_get('fastapi_websocket.path'));
print_refusal('not set', '', 'e');

ini_set('fastapi_websocket.path', "$directory/");
foreach (['', null, false] as $none) {
    var_dump(WebSocketServer::queueEvent($none, 'e', 1));
    echo payload_bytes(take_entry($directory)), "\n";
}
ini_set('fastapi_websocket.path', "file://$directory");
var_dump(WebSocketServer::queueEvent('', 'e', 2));
echo payload_bytes(take_entry($directory)), "\n";
var_dump(WebSocketServer::queueEvent("$directory/other", 'e', 3), is_file(glob("$directory/other/*.json")[0]));
WebSocketServer::getInstance()->eventQueue('');

var_dump(ini_set('fastapi_websocket.path', 'relative'));
var_dump(ini_set('fastapi_websocket.path', 'phar:///a.phar'));
ini_set('fastapi_websocket.path', '');
print_refusal('not set again', '', 'e');
?>
--EXPECTF--
string(0) ""
not set: false, the queue path is empty
bool(true)
1
bool(true)
1
bool(true)
1
bool(true)
2
bool(true)
bool(true)

Warning: ini_set(): fastapi_websocket.path must be an absolute path, "relative" is ignored in %s on line %d
bool(false)

Warning: ini_set(): fastapi_websocket.path must be an absolute path, "phar:///a.phar" is ignored in %s on line %d
bool(false)
not set again: false, the queue path is empty
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
