--TEST--
Nested transactions, and ends of a transaction that is not there or not the caller's, are LogicExceptions that change nothing
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
print_thrown('commit', fn () => $queue->commit());
print_thrown('rollback', fn () => $queue->rollback());
$queue->begin();
$queue->publish('kept');
print_thrown('begin', fn () => $queue->begin());
print_thrown('transaction', fn () => $queue->transaction(fn () => print("not called\n")));
echo count($queue->commit()), "\n";
print_thrown('commit again', fn () => $queue->commit());
$queue->transaction(function () use ($queue) {
    $queue->publish('kept as well');
    print_thrown('begin inside', fn () => $queue->begin());
    print_thrown('transaction inside', fn () => $queue->transaction(fn () => 1));
    print_thrown('commit inside', fn () => $queue->commit());
    print_thrown('rollback inside', fn () => $queue->rollback());
});
foreach (entries($directory) as $entry) {
    echo json_decode($entry)->event, "\n";
}
// Another object has its own.
$other = new EventQueue($directory);
$queue->begin();
$other->begin();
$other->rollback();
$queue->rollback();
echo count(entries($directory)), "\n";
?>
--EXPECT--
commit: LogicException: no transaction is open: begin() begins one
rollback: LogicException: no transaction is open: begin() begins one
begin: LogicException: a transaction is open already: commit() or roll it back first, there are no nested ones
transaction: LogicException: a transaction is open already: commit() or roll it back first, there are no nested ones
1
commit again: LogicException: no transaction is open: begin() begins one
begin inside: LogicException: a transaction is open already: commit() or roll it back first, there are no nested ones
transaction inside: LogicException: a transaction is open already: commit() or roll it back first, there are no nested ones
commit inside: LogicException: transaction() has begun this transaction and ends it: it commits when the callable returns, and rolls back when it throws
rollback inside: LogicException: transaction() has begun this transaction and ends it: it commits when the callable returns, and rolls back when it throws
kept
kept as well
2
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
