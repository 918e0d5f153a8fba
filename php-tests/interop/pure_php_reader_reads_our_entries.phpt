--TEST--
The reading loop of the pure-PHP server takes our entries, in order, and leaves nothing
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$payloads = [['id' => 1, 'name' => 'é/"'], null, 'text', 1.5, [], ['nested' => ['a' => [true]]]];
foreach ($payloads as $index => $payload) {
    WebSocketServer::queueEvent($directory, "event.$index", $payload);
}

$broadcast = [];
$files = glob("$directory/*.json");
sort($files);
foreach ($files as $file) {
    $data = json_decode(file_get_contents($file), true);
    if ($data && isset($data['event'])) {
        $broadcast[] = [$data['event'], $data['payload'] ?? null];
    }
    unlink($file);
}
var_dump(array_column($broadcast, 1) === $payloads);
echo implode(' ', array_column($broadcast, 0)), "\n";
echo count(entries($directory)), " files\n";
?>
--EXPECT--
bool(true)
event.0 event.1 event.2 event.3 event.4 event.5
0 files
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
