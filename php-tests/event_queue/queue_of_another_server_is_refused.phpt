--TEST--
start() throws when another server has the queue directory, or when it cannot be used; eventQueue() warns
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;
$directory = queue_directory(__FILE__);
$other = new ServerProcess('$server->eventQueue(' . var_export($directory, true) . ');');

$attempt = function ($path) use ($directory) {
    $server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0);
    var_dump($server->eventQueue($path) === $server);
    try {
        $server->start();
    } catch (Exception $exception) {
        echo str_replace($directory, 'DIRECTORY', $exception->getMessage()), "\n";
    }
};
$attempt($directory);
$attempt('/dev/null/queue');
$attempt(new SplFileInfo('/dev/null'));
echo $other->stop();
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECTF--
bool(true)
Failed to start the WebSocket server: the queue directory DIRECTORY is in use by another broadcaster

Warning: FASTAPI\WebSocket\WebSocketServer::eventQueue(): cannot create the queue directory /dev/null/queue: %s in %s on line %d
bool(true)
Failed to start the WebSocket server: /dev/null/queue is not a directory (name the directory of the events)
bool(true)
Failed to start the WebSocket server: /dev/null is not a directory (name the directory of the events)
