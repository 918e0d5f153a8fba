--TEST--
An event becomes one file that ends in .json
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump(WebSocketServer::queueEvent($directory, "order.created", ["id" => 7]));
foreach (entries($directory) as $name => $content) {
    var_dump(pathinfo($name, PATHINFO_EXTENSION), strlen($content) > 0);
}
?>
--EXPECT--
bool(true)
string(4) "json"
bool(true)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
