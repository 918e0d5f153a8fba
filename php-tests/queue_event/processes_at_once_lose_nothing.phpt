--TEST--
Four processes that queue at the same time lose nothing, and the order of each is kept
--EXTENSIONS--
fastapi_websocket
pcntl
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$children = [];
for ($process = 0; $process < 4; $process++) {
    $child = pcntl_fork();
    if ($child === 0) {
        for ($i = 0; $i < 1000; $i++) {
            if (!WebSocketServer::queueEvent($directory, 'e', [$process, $i])) {
                echo WebSocketServer::lastError(), "\n";
            }
        }
        exit;
    }
    $children[] = $child;
}
foreach ($children as $child) {
    pcntl_waitpid($child, $status);
}
$next = [0, 0, 0, 0];
$disorder = 0;
foreach (entries($directory) as $entry) {
    [$process, $i] = json_decode($entry)->payload;
    $disorder += $next[$process]++ !== $i;
}
echo implode(' ', $next), ", $disorder out of order\n";
?>
--EXPECT--
1000 1000 1000 1000, 0 out of order
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
