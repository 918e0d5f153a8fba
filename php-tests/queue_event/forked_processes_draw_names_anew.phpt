--TEST--
Processes that were forked after an event was queued have a new random part in the names of their entries
--EXTENSIONS--
fastapi_websocket
pcntl
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
WebSocketServer::queueEvent($directory, 'e', 'parent');
$at = microtime(true) + 0.2;
$children = [];
for ($process = 0; $process < 8; $process++) {
    if (($child = pcntl_fork()) === 0) {
        if ($process === 7) {
            // A fork of a fork.
            if (pcntl_fork() !== 0) {
                pcntl_wait($status);
                exit;
            }
        }
        while (microtime(true) < $at);
        WebSocketServer::queueEvent($directory, 'e', $process);
        WebSocketServer::queueEvent($directory, 'e', $process);
        exit;
    }
    $children[] = $child;
}
foreach ($children as $child) {
    pcntl_waitpid($child, $status);
}
WebSocketServer::queueEvent($directory, 'e', 'parent');
$names = array_keys(entries($directory));
$random = array_map(fn ($name) => substr($name, -13, 8), $names);
echo count($names), ' entries, ', count(array_unique($random)), " random parts\n";
?>
--EXPECT--
18 entries, 18 random parts
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
