--TEST--
Modes of entries, the directory and its parents are the same with every umask
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
foreach ([0, 022, 077, 0777] as $umask) {
    umask($umask);
    $queue = sprintf('%s/%o/above/queue', $directory, $umask);
    WebSocketServer::queueEvent($queue, 'e');
    WebSocketServer::getInstance()->eventQueue("$queue-of-a-server");
    foreach ([dirname($queue, 2), dirname($queue), "$queue-of-a-server", $queue, glob("$queue/*.json")[0]] as $path) {
        printf('%o ', fileperms($path) & 07777);
    }
    echo umask() === $umask ? "kept\n" : "changed\n";
}
?>
--EXPECT--
755 755 2770 2770 640 kept
755 755 2770 2770 640 kept
755 755 2770 2770 640 kept
755 755 2770 2770 640 kept
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
