--TEST--
transaction() returns what the callable returns after a commit, and rolls back what throws
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

class Orders
{
    public function __construct(private EventQueue $queue) {}
    public function create(): string { return $this->queue->publish('created'); }
    public static function nothing() {}
}

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$value = new ArrayObject([1]);
var_dump($queue->transaction(function (...$arguments) use ($queue, $value) {
    $queue->publish('e', $arguments, 'c');
    return $value;
}) === $value);
echo json_encode(take_events($directory)[1][0]['payload']), "\n";
var_dump($queue->transaction([new Orders($queue), 'create']) === take_events($directory)[1][0]['uid']);
var_dump($queue->transaction('Orders::nothing'), $queue->transaction(fn () => null), entries($directory));

$thrown = new DomainException('rolled back');
try {
    $queue->transaction(function () use ($queue, $thrown) {
        $queue->publish('e');
        throw $thrown;
    });
} catch (DomainException $caught) {
    var_dump($caught === $thrown, $caught->getPrevious(), entries($directory));
}
// An exception that is caught inside changes nothing.
$queue->transaction(function () use ($queue) {
    $queue->publish('kept');
    try {
        $queue->publish('e', NAN);
    } catch (FASTAPI\WebSocket\QueueException $exception) {
        echo $exception->getMessage(), "\n";
    }
});
echo count(take_events($directory)[1]), " event\n";
// A commit that fails: its exception, no value, and no transaction is left.
$broken = new EventQueue('/dev/null');
print_thrown('disk', fn () => $broken->transaction(fn () => $broken->publish('e')));
print_thrown('disk', fn () => $broken->transaction(fn () => $broken->publish('e')));
foreach (['no function', [1, 2], null, 7] as $callable) {
    print_thrown('not callable', fn () => $queue->transaction($callable));
}
print_thrown('no argument', fn () => $queue->transaction());
?>
--EXPECT--
bool(true)
[]
bool(true)
NULL
NULL
array(0) {
}
bool(true)
NULL
array(0) {
}
the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded
1 event
disk: FASTAPI\WebSocket\QueueException: cannot write to the queue directory /dev/null: Not a directory (os error 20)
disk: FASTAPI\WebSocket\QueueException: cannot write to the queue directory /dev/null: Not a directory (os error 20)
not callable: TypeError: FASTAPI\WebSocket\EventQueue::transaction(): Argument #1 ($do) must be of type callable, string given
not callable: TypeError: FASTAPI\WebSocket\EventQueue::transaction(): Argument #1 ($do) must be of type callable, array given
not callable: TypeError: FASTAPI\WebSocket\EventQueue::transaction(): Argument #1 ($do) must be of type callable, null given
not callable: TypeError: FASTAPI\WebSocket\EventQueue::transaction(): Argument #1 ($do) must be of type callable, int given
no argument: ArgumentCountError: FASTAPI\WebSocket\EventQueue::transaction() expects exactly 1 argument, 0 given
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
