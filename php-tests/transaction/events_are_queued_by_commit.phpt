--TEST--
What is published in a transaction is one entry at commit(), with its time and order; rollback() forgets it
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$queue->begin();
$payload = (object) ['state' => 'published'];
$uids = [$queue->publish('a', $payload), $queue->publish('b', channel: 'c', priority: 'low', ttl: 9)];
$payload->state = 'changed later';
array_push($uids, ...$queue->publishAll([['event' => 'c', 'key' => 'k'], ['event' => 'd']]));
var_dump(file_exists($directory));
$before_commit = microtime(true);
$committed = $queue->commit();
[$name, $lines] = take_events($directory);
var_dump($committed === $uids, array_column($lines, 'uid') === $uids, array_filter($uids, is_uid(...)) === $uids);
echo substr($name, 36), ' ', implode(' ', array_column($lines, 'event')), ' ', json_encode($lines[0]['payload']), "\n";
// queued_at has microseconds, rounded down.
var_dump($lines[0]['queued_at'] >= $before_commit - 0.00001 && count(array_unique(array_column($lines, 'queued_at'))) === 1);

$queue->begin();
$queue->publish('forgotten');
$queue->rollback();
$queue->begin();
var_dump($queue->commit(), entries($directory));

// Other objects, and queueEvent(), are not in it. The name of the entry is taken at commit().
$queue->begin();
$queue->publish('last');
(new EventQueue($directory))->publish('first');
WebSocketServer::queueEvent($directory, 'second');
$queue->commit();
echo implode(' ', array_map(fn ($entry) => json_decode($entry)->event, entries($directory))), "\n";
array_map(fn ($file) => unlink("$directory/$file"), array_keys(entries($directory)));
// Afterwards an event is queued at once.
var_dump(key(entries($directory)) === null, $queue->publish('e') === substr(key(entries($directory)), 0, 36));
?>
--EXPECT--
bool(false)
bool(true)
bool(true)
bool(true)
.events a b c d {"state":"published"}
bool(true)
array(0) {
}
array(0) {
}
first second last
bool(true)
bool(true)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
