--TEST--
An event that would make the transaction too large is refused and the transaction goes on; what is too large at commit() leaves nothing
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$queue->begin();
$queue->publishAll(array_fill(0, 999, ['event' => 'e']));
print_thrown('two more', fn () => $queue->publishAll([['event' => 'e'], ['event' => 'e']]));
$queue->publish('e', channel: 'c');
print_thrown('one more', fn () => $queue->publish('e'));
echo count($queue->commit()), ' ', count(take_events($directory)[1]), "\n";

set_setting('max_event_bytes', '10000');
$queue->begin();
$queue->publish('e', str_repeat('x', 5000));
print_thrown('too many bytes', fn () => $queue->publish('e', str_repeat('x', 5000)));
print_thrown('too many bytes at once', fn () => $queue->publishAll([['event' => 'e', 'payload' => str_repeat('x', 2500)], ['event' => 'e', 'payload' => str_repeat('x', 2500)]]));
$queue->publish('e', 'small');
echo count($queue->commit()), ' ', count(take_events($directory)[1]), "\n";

// Names and payloads fit, with all that belongs to an entry they do not.
$queue->begin();
$queue->publish('e', str_repeat('x', 4990));
$queue->publish('e', str_repeat('x', 4990));
print_thrown('commit', fn () => $queue->commit());
print_thrown('it has ended', fn () => $queue->rollback());
print_thrown('channels', fn () => $queue->transaction(fn () => $queue->publish('e', str_repeat('x', 8000), ['a', 'b', 'c', 'd', 'e', 'f'])));
var_dump(entries($directory));
?>
--EXPECT--
two more: FASTAPI\WebSocket\QueueException: a batch has at most 1000 events: publish them in several batches
one more: FASTAPI\WebSocket\QueueException: a batch has at most 1000 events: publish them in several batches
1000 1000
too many bytes: FASTAPI\WebSocket\QueueException: the events of the batch take 10010 bytes, more than the limit of 10000 bytes set by fastapi_websocket.max_event_bytes
too many bytes at once: FASTAPI\WebSocket\QueueException: the events of the batch take 10015 bytes, more than the limit of 10000 bytes set by fastapi_websocket.max_event_bytes
2 2
commit: FASTAPI\WebSocket\QueueException: the events of the batch take 10274 bytes, more than the limit of 10000 bytes set by fastapi_websocket.max_event_bytes
it has ended: LogicException: no transaction is open: begin() begins one
channels: FASTAPI\WebSocket\QueueException: the entry takes 8168 bytes, times 6 channels more than the limit of 40000 bytes: queue fewer events at once, or give them fewer channels, or set a higher fastapi_websocket.max_event_bytes
array(0) {
}
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
