--TEST--
An entry is one JSON object: event, payload, timestamp as int, queued_at as float with microseconds
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$before = microtime(true);
var_dump(WebSocketServer::queueEvent($directory, 'order.created', ['id' => 7]));
$after = microtime(true);

$entries = entries($directory);
echo count($entries), " file\n";
echo preg_match('/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json$/', key($entries)), " name is a UUIDv7\n";
$entry = current($entries);
echo preg_match('/^\{"event":"order\.created","payload":\{"id":7\},"timestamp":\d{10},"queued_at":\d{10}\.\d{1,6}\}$/', $entry), " shape\n";

$event = json_decode($entry, true);
echo implode(',', array_keys($event)), "\n";
var_dump(is_int($event['timestamp']), is_float($event['queued_at']));
// PHP's clock has microseconds, and ours may be rounded down to them.
var_dump($event['queued_at'] >= $before - 0.00001, $event['queued_at'] <= $after + 0.00001);
var_dump($event['timestamp'] === (int) $event['queued_at']);
?>
--EXPECT--
bool(true)
1 file
1 name is a UUIDv7
1 shape
event,payload,timestamp,queued_at
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
