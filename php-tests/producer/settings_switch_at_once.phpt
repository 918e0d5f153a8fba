--TEST--
ini_set() of fastapi_websocket.queue, fsync and max_event_bytes works at once, back and forth
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = journal_queue(queue_directory(__FILE__));
$queue = new EventQueue($directory);
for ($i = 0; $i < 6; $i++) {
    var_dump(ini_set('fastapi_websocket.queue', $i % 2 ? 'Journal' : ' directory'));
    ini_set('fastapi_websocket.fsync', ['none', 'data', 'full'][$i % 3]);
    $queue->publish('e', $i, 'c');
    WebSocketServer::queueEvent($directory, 'e', $i);
    echo count(event_files($directory)), ' files, ', count(records($directory)), " records\n";
}
echo json_encode(array_map(fn ($record) => $record[1][0]['payload'], records($directory))), ' in ', count(glob("$directory/journal/*")), " segment\n";
ini_set('fastapi_websocket.max_event_bytes', '500');
print_thrown('large', fn () => $queue->publish('e', str_repeat('x', 600), 'c'));
print_thrown('large batch', fn () => $queue->publishAll([['event' => 'e', 'payload' => str_repeat('x', 400)]]));
print_refusal('large event', $directory, 'e', str_repeat('x', 600));
// What no line holds becomes a file, as without a journal.
var_dump(WebSocketServer::queueEvent($directory, 'e', str_repeat('x', 400)));
var_dump(WebSocketServer::queueEvent($directory, 7), WebSocketServer::queueEvent($directory, true));
echo count(event_files($directory)), ' files, ', count(records($directory)), " records\n";
var_dump(ini_set('fastapi_websocket.queue', 'redis'));
?>
--EXPECTF--
string(9) "directory"
2 files, 0 records
string(10) " directory"
2 files, 2 records
string(7) "Journal"
4 files, 2 records
string(10) " directory"
4 files, 4 records
string(7) "Journal"
6 files, 4 records
string(10) " directory"
6 files, 6 records
[1,1,3,3,5,5] in 1 segment
large: FASTAPI\WebSocket\QueueException: the event takes %d bytes, more than the limit of 500 bytes set by fastapi_websocket.max_event_bytes
large batch: FASTAPI\WebSocket\QueueException: the events of the batch take %d bytes, more than the limit of 500 bytes set by fastapi_websocket.max_event_bytes
large event: false, the event takes %d bytes, more than the limit of 500 bytes set by fastapi_websocket.max_event_bytes
bool(true)
bool(true)
bool(true)
9 files, 6 records

Warning: ini_set(): fastapi_websocket.queue must be directory or journal, "redis" is ignored in %s on line %d
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
