--TEST--
An event with nothing but a name and a payload is queued as by queueEvent(); its uid is the name of its file
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
var_dump(file_exists($directory));
$given = ['a/b' => "é\u{2028}", 'float' => 0.1, 'list' => [1, null, true]];
foreach ([['order.created', $given], ['order.created'], ['e', $given, null, null, EventQueue::NORMAL, null, null], ['1', 1.0]] as $arguments) {
    $uid = $queue->publish(...$arguments);
    $name = key(entries($directory));
    $ours = take_entry($directory);
    WebSocketServer::queueEvent($directory, $arguments[0], $arguments[1] ?? null);
    $times = '/,"timestamp":\d+,"queued_at":[\d.]+/';
    var_dump(is_uid($uid) && $name === "$uid.json", preg_replace($times, '', $ours) === preg_replace($times, '', take_entry($directory)));
}
?>
--EXPECT--
bool(false)
bool(true)
bool(true)
bool(true)
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
