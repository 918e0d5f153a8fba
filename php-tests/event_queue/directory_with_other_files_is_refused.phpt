--TEST--
start() refuses an event queue in a directory of other files, names one, and leaves all as they are
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
use FASTAPI\WebSocket\WebSocketServer;

require __DIR__ . '/../helpers/functions.php';
$directory = queue_directory(__FILE__);
mkdir($directory, 0700);
file_put_contents("$directory/composer.json", '{"name":"vendor/package"}');
touch("$directory/composer.json", time() - 40 * 86400);
$server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->eventQueue($directory);
try {
    $server->start();
} catch (Exception $exception) {
    echo str_replace($directory, 'DIRECTORY', $exception->getMessage()), "\n";
}
echo implode(' ', array_diff(scandir($directory), ['.', '..'])), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
Failed to start the WebSocket server: DIRECTORY holds composer.json, which is neither an event nor a file of a queue, so this does not seem to be a queue directory: name one that is for events alone, or take that file away
composer.json
