--TEST--
publishAll() queues arrays, generators and other iterables as one entry, whose lines are the events in order
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$events = [
    ['event' => 'a', 'payload' => ['x' => 1], 'channel' => 'orders', 'ttl' => 5, 'priority' => 'low', 'key' => 'k', 'except' => '1.2'],
    ['event' => 'b', 'channel' => ['c', 'd', 'c']],
    ['payload' => [1.0], 'event' => 'c'],
    ['event' => 'd', 'payload' => null, 'channel' => null, 'ttl' => null, 'key' => null, 'except' => null, 'priority' => 'high'],
];
$generator = function () use ($events) {
    foreach ($events as $event) {
        yield 'key' => $event;
    }
};
$aggregate = new class($events) implements IteratorAggregate {
    public function __construct(private array $events) {}
    public function getIterator(): Iterator { return new ArrayIterator($this->events); }
};
foreach ([$events, array_combine(['w', 'x', 'y', 'z'], $events), $generator(), new ArrayObject($events), $aggregate] as $iterable) {
    $uids = $queue->publishAll($iterable);
    [$name, $lines] = take_events($directory);
    $same_times = count(array_unique(array_column($lines, 'queued_at'))) === 1;
    var_dump($uids === array_column($lines, 'uid') && array_filter($uids, is_uid(...)) === $uids && count(array_unique($uids)) === 4 && $same_times);
    $shown = array_map(fn ($line) => array_diff_key($line, array_flip(['uid', 'timestamp', 'queued_at', 'expires_at', 'v'])), $lines);
    echo substr($name, 36), ' ', json_encode($shown), "\n";
}
// One event is a batch as well; none is nothing.
$uids = $queue->publishAll([['event' => 'alone']]);
[$name, $lines] = take_events($directory);
echo substr($name, 36), ' ', count($lines), "\n";
var_dump($queue->publishAll([]), $queue->publishAll(new EmptyIterator), entries($directory));
// The most events that fit.
echo count($queue->publishAll(array_fill(0, 1000, ['event' => 'e', 'channel' => 'c']))), ' ', count(take_events($directory)[1]), "\n";
foreach ([['low', 'low'], ['low', 'normal'], ['normal', 'high', 'low']] as $priorities) {
    $queue->publishAll(array_map(fn ($priority) => ['event' => 'e', 'priority' => $priority], $priorities));
    echo implode(' ', $priorities), ': ', substr(take_events($directory)[0], 36), "\n";
}
?>
--EXPECT--
bool(true)
.high.events [{"event":"a","payload":{"x":1},"channels":["orders"],"key":"k","except":"1.2"},{"event":"b","payload":null,"channels":["c","d"]},{"event":"c","payload":[1],"channels":null},{"event":"d","payload":null,"channels":null}]
bool(true)
.high.events [{"event":"a","payload":{"x":1},"channels":["orders"],"key":"k","except":"1.2"},{"event":"b","payload":null,"channels":["c","d"]},{"event":"c","payload":[1],"channels":null},{"event":"d","payload":null,"channels":null}]
bool(true)
.high.events [{"event":"a","payload":{"x":1},"channels":["orders"],"key":"k","except":"1.2"},{"event":"b","payload":null,"channels":["c","d"]},{"event":"c","payload":[1],"channels":null},{"event":"d","payload":null,"channels":null}]
bool(true)
.high.events [{"event":"a","payload":{"x":1},"channels":["orders"],"key":"k","except":"1.2"},{"event":"b","payload":null,"channels":["c","d"]},{"event":"c","payload":[1],"channels":null},{"event":"d","payload":null,"channels":null}]
bool(true)
.high.events [{"event":"a","payload":{"x":1},"channels":["orders"],"key":"k","except":"1.2"},{"event":"b","payload":null,"channels":["c","d"]},{"event":"c","payload":[1],"channels":null},{"event":"d","payload":null,"channels":null}]
.events 1
array(0) {
}
array(0) {
}
array(0) {
}
1000 1000
low low: .low.events
low normal: .events
normal high low: .high.events
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
