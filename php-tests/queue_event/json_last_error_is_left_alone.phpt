--TEST--
json_last_error() and a json_encode() that is running are not disturbed
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
json_decode('{');
var_dump(WebSocketServer::queueEvent($directory, 'e', NAN), json_last_error_msg());
var_dump(WebSocketServer::queueEvent($directory, 'e', 1), json_last_error_msg());
json_encode(1);
var_dump(WebSocketServer::queueEvent($directory, 'e', "\xff"), json_last_error_msg());
take_entry($directory);

// A json_encode() with its own depth limit, which queues an event while it runs.
class Queueing implements JsonSerializable {
    public function __construct(private string $directory) {}
    public function jsonSerialize(): mixed
    {
        return WebSocketServer::queueEvent($this->directory, 'e', 'inside');
    }
}
var_dump(json_encode([new Queueing($directory), [[['four levels']]]], 0, 3), json_last_error_msg());
echo payload_bytes(take_entry($directory)), "\n";

// The same inside queueEvent() itself: the inner event comes first.
var_dump(WebSocketServer::queueEvent($directory, 'e', ['outer', new Queueing($directory)]));
foreach (entries($directory) as $entry) {
    echo payload_bytes($entry), "\n";
}
?>
--EXPECT--
bool(false)
string(12) "Syntax error"
bool(true)
string(12) "Syntax error"
bool(false)
string(8) "No error"
bool(false)
string(28) "Maximum stack depth exceeded"
"inside"
bool(true)
"inside"
["outer",true]
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
