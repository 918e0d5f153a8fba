--TEST--
The child of a fork is not in its parent's transaction: it publishes at once, may begin its own, and cannot end the parent's
--EXTENSIONS--
fastapi_websocket
pcntl
--INI--
display_errors=1
html_errors=0
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$queue->begin();
$queue->publish('parent');
$wait = function (int $child) {
    pcntl_waitpid($child, $status);
    return pcntl_wexitstatus($status);
};
if (($child = pcntl_fork()) === 0) {
    print_thrown('child commits', fn () => $queue->commit());
    print_thrown('child rolls back', fn () => $queue->rollback());
    $queue->publish('child, at once');
    $queue->begin();
    $queue->publish('child, in its own');
    $queue->commit();
    print_thrown('child commits again', fn () => $queue->commit());
    exit;
}
$wait($child);
if (($child = pcntl_fork()) === 0) {
    // It ends with the parent's transaction open, without a warning.
    exit;
}
$wait($child);
if (($child = pcntl_fork()) === 0) {
    $queue->begin();
    $queue->publish('lost');
    exit;
}
$wait($child);
echo implode(' ', $queue->commit()) === json_decode(current(array_filter(entries($directory), fn ($entry) => str_contains($entry, '"parent"'))))->uid ? "parent's uid\n" : "another uid\n";

// A child that leaves transaction() by its end.
$parent = getmypid();
$child = 0;
try {
    $queue->transaction(function () use ($queue, &$child) {
        $queue->publish('parent, by a callable');
        $child = pcntl_fork();
    });
} catch (LogicException $exception) {
    echo $exception->getMessage(), "\n";
}
if (getmypid() !== $parent) {
    exit(7);
}
echo $wait($child), "\n";
foreach (entries($directory) as $entry) {
    echo json_decode($entry)->event, "\n";
}
?>
--EXPECTF--
child commits: LogicException: no transaction is open in this process: the one that was open before the fork belongs to the parent, which alone can commit it or roll it back
child rolls back: LogicException: no transaction is open in this process: the one that was open before the fork belongs to the parent, which alone can commit it or roll it back
child commits again: LogicException: no transaction is open: begin() begins one

Warning: FASTAPI\WebSocket\EventQueue: the transaction was still open when its object ended, it is rolled back: 1 event was not queued in %s on line %d
parent's uid
no transaction is open in this process: the one that was open before the fork belongs to the parent, which alone can commit it or roll it back
7
child, at once
child, in its own
parent
parent, by a callable
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
