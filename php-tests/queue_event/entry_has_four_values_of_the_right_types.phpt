--TEST--
The file of an event has event, payload, timestamp and queued_at, of the right types
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$before = microtime(true);
WebSocketServer::queueEvent($directory, "order.created", ["id" => 7]);
$after = microtime(true);
$entry = json_decode(take_entry($directory), true, flags: JSON_THROW_ON_ERROR);
var_dump(array_keys($entry) === ["event", "payload", "timestamp", "queued_at"]);
var_dump($entry["event"], $entry["payload"] === ["id" => 7]);
var_dump(is_int($entry["timestamp"]), is_float($entry["queued_at"]));
// queued_at has microseconds, microtime() is more precise.
var_dump($before - 1e-5 <= $entry["queued_at"] && $entry["queued_at"] <= $after + 1e-5);
var_dump($entry["timestamp"] === (int) $entry["queued_at"]);
?>
--EXPECT--
bool(true)
string(13) "order.created"
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
