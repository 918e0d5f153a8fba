--TEST--
A process that publishes for a long time, with failing calls in between, keeps no memory
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';

$printed = run_php(escapeshellarg(__DIR__ . '/../helpers/publish_many.php') . ' ' . escapeshellarg(queue_directory(__FILE__)) . ' 1500');
if (preg_match('/^1500 events published, (-?\d+) KiB more in the second half$/m', $printed, $match) !== 1) {
    exit($printed);
}
// A leak of 100 bytes a call would be 75 KiB.
echo (int) $match[1] < 64 ? "no memory is kept\n" : $printed;
?>
--EXPECT--
no memory is kept
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
