--TEST--
The memory limit or a fatal error while encoding: PHP's own fatal error, nothing written, shutdown functions run
--EXTENSIONS--
fastapi_websocket
--INI--
display_errors=1
html_errors=0
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
class Fatal implements JsonSerializable {
    public function jsonSerialize(): mixed { return $GLOBALS['fatal'](); }
}
register_shutdown_function(function () use ($directory) {
    var_dump(file_exists($directory));
    var_dump(WebSocketServer::queueEvent($directory, 'e', 'still works'), WebSocketServer::lastError());
    echo payload_bytes(take_entry($directory)), "\n";
});
$fatal = fn () => str_repeat('x', 100 << 20);
ini_set('memory_limit', '64M');
WebSocketServer::queueEvent($directory, 'e', [1, new Fatal]);
echo "not reached\n";
?>
--EXPECTF--
Fatal error: Allowed memory size of 67108864 bytes exhausted%s in %s on line %d
bool(false)
bool(true)
NULL
"still works"
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
