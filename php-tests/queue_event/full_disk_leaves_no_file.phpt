--TEST--
A full disk: false and a reason, no file left; works again when there is space
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
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
exec('mount -t tmpfs -o size=64k,nr_inodes=64 fastapi-test ' . escapeshellarg($directory), $output, $status);
if ($status !== 0) {
    exit("mount failed\n");
}

$queued = 0;
while (WebSocketServer::queueEvent($directory, 'e', str_repeat('x', 10000))) {
    if (++$queued > 100) {
        exit("the disk never fills\n");
    }
}
echo str_replace($directory, 'DIRECTORY', WebSocketServer::lastError()), "\n";
$entries = entries($directory);
var_dump(count($entries) === $queued && $queued > 0);
foreach ($entries as $name => $entry) {
    if (json_decode($entry) === null) {
        echo "$name is not complete\n";
    }
    unlink("$directory/$name");
}
var_dump(WebSocketServer::queueEvent($directory, 'e', 'there is space'), WebSocketServer::lastError());
?>
--EXPECT--
cannot write to the queue directory DIRECTORY: No space left on device (os error 28)
bool(true)
bool(true)
NULL
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
exec('umount ' . escapeshellarg(queue_directory(__FILE__)) . ' 2>&1');
remove_directory(queue_directory(__FILE__));
?>
