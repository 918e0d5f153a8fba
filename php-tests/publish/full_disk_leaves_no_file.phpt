--TEST--
A full disk: QueueException and no file left, for single events and batches
--EXTENSIONS--
fastapi_websocket
--SKIPIF--
<?php
require __DIR__ . '/../helpers/functions.php';
$directory = queue_directory(__FILE__) . '.probe';
@mkdir($directory);
exec('mount -t tmpfs -o size=64k fastapi-test ' . escapeshellarg($directory) . ' 2>&1', $output, $status);
if ($status === 0) {
    exec('umount ' . escapeshellarg($directory));
}
rmdir($directory);
if ($status !== 0) {
    echo 'skip this machine cannot mount a small disk (root may)';
}
?>
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\QueueException;

$directory = queue_directory(__FILE__);
mkdir($directory);
exec('mount -t tmpfs -o size=64k,nr_inodes=64 fastapi-test ' . escapeshellarg($directory), $output, $status);
if ($status !== 0) {
    exit("mount failed\n");
}
$queue = new EventQueue($directory);
$queued = 0;
try {
    while (++$queued < 100) {
        $queue->publish('e', str_repeat('x', 10000), 'c');
    }
} catch (QueueException $exception) {
    echo str_replace($directory, 'DIRECTORY', $exception->getMessage()), "\n";
}
print_thrown('batch', fn () => $queue->publishAll(array_fill(0, 10, ['event' => 'e', 'payload' => str_repeat('x', 10000)])), $directory);
print_thrown('transaction', fn () => $queue->transaction(fn () => $queue->publish('e', str_repeat('x', 60000))), $directory);
var_dump(count(entries($directory)) === $queued - 1);
array_map(fn ($name) => unlink("$directory/$name"), array_keys(entries($directory)));
var_dump(is_uid($queue->transaction(fn () => $queue->publish('e', 'there is space'))));
?>
--EXPECT--
cannot write to the queue directory DIRECTORY: No space left on device (os error 28)
batch: FASTAPI\WebSocket\QueueException: cannot write to the queue directory DIRECTORY: No space left on device (os error 28)
transaction: FASTAPI\WebSocket\QueueException: cannot write to the queue directory DIRECTORY: No space left on device (os error 28)
bool(true)
bool(true)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
exec('umount ' . escapeshellarg(queue_directory(__FILE__)) . ' 2>&1');
remove_directory(queue_directory(__FILE__));
?>
