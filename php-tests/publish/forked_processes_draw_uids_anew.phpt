--TEST--
Processes that were forked after an event was published have a new random part in their uids
--EXTENSIONS--
fastapi_websocket
pcntl
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$queue->publish('e', 'parent', 'c');
$at = microtime(true) + 0.2;
$children = [];
for ($process = 0; $process < 8; $process++) {
    if (($child = pcntl_fork()) === 0) {
        while (microtime(true) < $at);
        $queue->publish('e', $process, 'c');
        $queue->transaction(fn () => $queue->publish('e', $process));
        $queue->publish('e', $process);
        exit;
    }
    $children[] = $child;
}
foreach ($children as $child) {
    pcntl_waitpid($child, $status);
}
$queue->publish('e', 'parent', 'c');
$uids = [];
foreach (entries($directory) as $name => $content) {
    $uids[] = str_ends_with($name, '.json') ? substr($name, 0, 36) : json_decode($content)->uid;
}
echo count($uids), ' events, ', count(array_unique(array_map(fn ($uid) => substr($uid, -13, 8), $uids))), " random parts\n";
?>
--EXPECT--
26 events, 26 random parts
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
