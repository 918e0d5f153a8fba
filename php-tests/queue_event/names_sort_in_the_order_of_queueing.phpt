--TEST--
5,000 events queued one after the other sort by name in that order
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
for ($i = 0; $i < 5000; $i++) {
    if (!WebSocketServer::queueEvent($directory, 'e', $i)) {
        exit(WebSocketServer::lastError());
    }
}
$entries = array_values(entries($directory));
echo count($entries), "\n";
$inversions = 0;
$queued_at = 0.0;
foreach ($entries as $i => $entry) {
    $event = json_decode($entry);
    $inversions += $event->payload !== $i || $event->queued_at < $queued_at;
    $queued_at = $event->queued_at;
}
echo $inversions, " inversions\n";
?>
--EXPECT--
5000
0 inversions
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
