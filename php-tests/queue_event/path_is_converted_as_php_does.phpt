--TEST--
A path that PHP converts to a string is accepted: Stringable, int
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
class Place {
    public function __construct(private string $path) {}
    public function __toString(): string { return $this->path; }
}
var_dump(WebSocketServer::queueEvent(new Place($directory), 'e', 1));
echo payload_bytes(take_entry($directory)), "\n";

chdir($directory);
var_dump(WebSocketServer::queueEvent(12, 'e', 2));
echo payload_bytes(take_entry("$directory/12")), "\n";
?>
--EXPECT--
bool(true)
1
bool(true)
2
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
