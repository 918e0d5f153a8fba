--TEST--
Several events: one file each, none overwrites another, sorted by name in the order of the calls
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
for ($number = 0; $number < 50; $number++) {
    WebSocketServer::queueEvent($directory, "event.$number", $number) || print("refused\n");
}
$entries = array_map(fn ($content) => json_decode($content, true), array_values(entries($directory)));
var_dump(count($entries));
var_dump(array_column($entries, "payload") === range(0, 49));
var_dump($entries[49]["event"]);
?>
--EXPECT--
int(50)
bool(true)
string(8) "event.49"
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
