--TEST--
A journal that cannot be written: the reason names its path, and nothing of the event is left
--EXTENSIONS--
fastapi_websocket
--INI--
fastapi_websocket.queue=journal
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

$directory = queue_directory(__FILE__);
mkdir($directory);
exec('mount -t tmpfs -o size=128k fastapi-test ' . escapeshellarg($directory), $output, $status);
if ($status !== 0) {
    exit("mount failed\n");
}
journal_queue($directory);
$queue = new EventQueue($directory);
$queued = 0;
try {
    while (++$queued < 100) {
        $queue->publish('e', str_repeat('x', 10000), 'c');
    }
} catch (FASTAPI\WebSocket\QueueException $exception) {
    echo str_replace($directory, 'DIRECTORY', $exception->getMessage()), "\n";
}
print_refusal('full', $directory, 'e', str_repeat('x', 20000), $directory);
print_thrown('batch', fn () => $queue->publishAll(array_fill(0, 10, ['event' => 'e', 'payload' => str_repeat('x', 10000)])), $directory);
var_dump(count(records($directory)) === $queued - 1, event_files($directory));
exec('mount -o remount,size=1m ' . escapeshellarg($directory));
var_dump(is_uid($queue->publish('e', str_repeat('x', 20000), 'c')), count(records($directory)) === $queued);
?>
--EXPECT--
cannot write to the queue directory DIRECTORY/journal: No space left on device (os error 28)
full: false, cannot write to the queue directory DIRECTORY/journal: No space left on device (os error 28)
batch: FASTAPI\WebSocket\QueueException: cannot write to the queue directory DIRECTORY/journal: No space left on device (os error 28)
bool(true)
array(0) {
}
bool(true)
bool(true)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
exec('umount ' . escapeshellarg(queue_directory(__FILE__)) . ' 2>&1');
remove_directory(queue_directory(__FILE__));
?>
