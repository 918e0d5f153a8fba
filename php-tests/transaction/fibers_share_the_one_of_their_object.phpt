--TEST--
A Fiber that waits inside of transaction() keeps it open; one that is destroyed there rolls it back
--EXTENSIONS--
fastapi_websocket
--INI--
display_errors=1
html_errors=0
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$own = new EventQueue($directory);
$fiber = new Fiber(fn () => $queue->transaction(function () use ($queue) {
    $queue->publish('before');
    $queue->publish('after', Fiber::suspend());
    return 'returned';
}));
$fiber->start();
$own->publish('of another object');
print_thrown('begin', fn () => $queue->begin());
$fiber->resume('resumed');
echo $fiber->getReturn(), ' ', implode(' ', array_map(fn ($entry) => json_decode(strtok($entry, "\n"))->event, entries($directory))), "\n";
// A generator that is published, in a Fiber.
$fiber = new Fiber(fn () => $queue->publishAll((function () {
    yield ['event' => 'one'];
    yield ['event' => Fiber::suspend()];
})()));
$fiber->start();
$queue->publish('meanwhile');
$fiber->resume('two');
echo count($fiber->getReturn()), ' ', count(entries($directory)), "\n";
// One that never comes back.
$fiber = new Fiber(fn () => $queue->transaction(function () use ($queue) {
    try {
        $queue->publish('lost');
        Fiber::suspend();
    } finally {
        echo "unwound\n";
    }
}));
$fiber->start();
unset($fiber);
gc_collect_cycles();
$queue->begin();
var_dump($queue->commit(), count(entries($directory)));
?>
--EXPECTF--
begin: LogicException: a transaction is open already: commit() or roll it back first, there are no nested ones
returned of another object before
2 4
unwound

Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when the script ended, it is rolled back: 1 event was not queued in %s on line %d
array(0) {
}
int(4)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
