--TEST--
A wrong event among others is an error with its index, and nothing is written; so are exceptions of generators and payloads
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$good = ['event' => 'e', 'channel' => 'c'];
$wrong = [
    'no array' => 'e', 'object' => new stdClass, 'no name' => ['payload' => 1], 'no array keys' => ['e', 1], 'empty' => [],
    'unknown name' => ['event' => 'e', 'chanel' => 'x'], 'null as name' => ['event' => null], 'array as name' => ['event' => []],
    'channel' => ['event' => 'e', 'channel' => 'a b'], 'no channels' => ['event' => 'e', 'channel' => []], 'ttl' => ['event' => 'e', 'ttl' => 0],
    'type of ttl' => ['event' => 'e', 'ttl' => 'x'], 'priority' => ['event' => 'e', 'priority' => 'x'], 'no priority' => ['event' => 'e', 'priority' => null],
    'key' => ['event' => 'e', 'key' => ''], 'except' => ['event' => 'e', 'except' => ''],
    'payload' => ['event' => 'e', 'payload' => NAN], 'name' => ['event' => "\xff"],
];
foreach ($wrong as $label => $event) {
    print_thrown($label, fn () => $queue->publishAll([$good, 'x' => $good, $event, $good]));
    print_thrown("$label, first", fn () => $queue->publishAll((fn () => yield $event)()));
}
print_thrown('generator', fn () => $queue->publishAll((function () use ($good) {
    yield $good;
    throw new DomainException('no more events');
})()));
print_thrown('payload that throws', fn () => $queue->publishAll([$good, ['event' => 'e', 'payload' => new class implements JsonSerializable {
    public function jsonSerialize(): mixed { throw new DomainException('no payload'); }
}]]));
print_thrown('1,001 events', fn () => $queue->publishAll(array_fill(0, 1001, $good)));
print_thrown('no end', fn () => $queue->publishAll((function () use ($good) {
    for (;;) {
        yield $good;
    }
})()));
print_thrown('too large together', fn () => $queue->publishAll(array_fill(0, 3, ['event' => 'e', 'payload' => str_repeat('x', 400_000)])));
print_thrown('too large with all that belongs to it', fn () => $queue->publishAll(array_fill(0, 2, ['event' => 'e', 'payload' => str_repeat('x', 524_270)])));
foreach ([7, 'e', null, new stdClass] as $iterable) {
    print_thrown('no iterable', fn () => $queue->publishAll($iterable));
}
print_thrown('no argument', fn () => $queue->publishAll());
var_dump(file_exists($directory), count($queue->publishAll([$good])));
?>
--EXPECT--
no array: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2 must be of type array, string given
no array, first: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0 must be of type array, string given
object: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2 must be of type array, stdClass given
object, first: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0 must be of type array, stdClass given
no name: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2 has no "event": its name is missing
no name, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0 has no "event": its name is missing
no array keys: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2 has the key 0, which is no parameter of publish(): those are event, payload, channel, ttl, priority, key, except
no array keys, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0 has the key 0, which is no parameter of publish(): those are event, payload, channel, ttl, priority, key, except
empty: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2 has no "event": its name is missing
empty, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0 has no "event": its name is missing
unknown name: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2 has the key "chanel", which is no parameter of publish(): those are event, payload, channel, ttl, priority, key, except
unknown name, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0 has the key "chanel", which is no parameter of publish(): those are event, payload, channel, ttl, priority, key, except
null as name: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "event" must be of type string, null given
null as name, first: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "event" must be of type string, null given
array as name: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "event" must be of type string, array given
array as name, first: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "event" must be of type string, array given
channel: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "channel" must be the name of a channel, "a b" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "channel" must be the name of a channel, "a b" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
no channels: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "channel" must name at least one channel (null is for every client), [] given
no channels, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "channel" must name at least one channel (null is for every client), [] given
ttl: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "ttl" must be at least 1 (seconds), 0 given
ttl, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "ttl" must be at least 1 (seconds), 0 given
type of ttl: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "ttl" must be of type ?int, string given
type of ttl, first: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "ttl" must be of type ?int, string given
priority: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "priority" must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or EventQueue::LOW ("low"), "x" given
priority, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "priority" must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or EventQueue::LOW ("low"), "x" given
no priority: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "priority" must be of type string, null given
no priority, first: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "priority" must be of type string, null given
key: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "key" must have 1 to 200 bytes, 0 given
key, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "key" must have 1 to 200 bytes, 0 given
except: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 2: "except" must have 1 to 64 bytes, 0 given
except, first: ValueError: FASTAPI\WebSocket\EventQueue::publishAll(): event 0: "except" must have 1 to 64 bytes, 0 given
payload: FASTAPI\WebSocket\QueueException: the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
payload, first: FASTAPI\WebSocket\QueueException: the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
name: FASTAPI\WebSocket\QueueException: the event name cannot be encoded as JSON: Malformed UTF-8 characters, possibly incorrectly encoded
name, first: FASTAPI\WebSocket\QueueException: the event name cannot be encoded as JSON: Malformed UTF-8 characters, possibly incorrectly encoded
generator: DomainException: no more events
payload that throws: DomainException: no payload
1,001 events: FASTAPI\WebSocket\QueueException: a batch has at most 1000 events: publish them in several batches
no end: FASTAPI\WebSocket\QueueException: a batch has at most 1000 events: publish them in several batches
too large together: FASTAPI\WebSocket\QueueException: the events of the batch take 1200015 bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
too large with all that belongs to it: FASTAPI\WebSocket\QueueException: the events of the batch take 1048834 bytes, more than the limit of 1048576 bytes set by fastapi_websocket.max_event_bytes
no iterable: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): Argument #1 ($events) must be of type iterable, int given
no iterable: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): Argument #1 ($events) must be of type iterable, string given
no iterable: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): Argument #1 ($events) must be of type iterable, null given
no iterable: TypeError: FASTAPI\WebSocket\EventQueue::publishAll(): Argument #1 ($events) must be of type iterable, stdClass given
no argument: ArgumentCountError: FASTAPI\WebSocket\EventQueue::publishAll() expects exactly 1 argument, 0 given
bool(false)
int(1)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
