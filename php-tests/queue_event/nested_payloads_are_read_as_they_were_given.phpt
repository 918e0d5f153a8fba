--TEST--
Nested payloads come back as they went in
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$payload = [
    "id" => 7,
    "total" => 19.9,
    "paid" => true,
    "note" => null,
    "customer" => ["name" => "Zoë", "tags" => ["a/b", "\"quoted\""]],
    "items" => [["sku" => "TEA", "count" => 2], ["sku" => "CUP", "count" => 1]],
    "empty" => [],
    "text" => "line\nbreak \u{1F375}",
];
WebSocketServer::queueEvent($directory, "nested", $payload);
$entry = take_entry($directory);
var_dump(json_decode($entry, true)["payload"] === $payload);
// Byte for byte what json_encode() gives.
var_dump(str_contains($entry, "\"payload\":" . json_encode($payload) . ",\"timestamp\":"));
WebSocketServer::queueEvent($directory, "nothing");
var_dump(array_key_exists("payload", $nothing = json_decode(take_entry($directory), true)), $nothing["payload"]);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
NULL
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
