--TEST--
start() returns at once when the server runs, and throws while it stops
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/', function ($connection) use ($server) {
        var_dump($server->start());
        $server->stop();
        try {
            $server->start();
        } catch (Exception $exception) {
            echo $exception->getMessage(), "\n";
        }
    });
    PHP);
$server->connect('/')->readClose();
echo $server->wait();
?>
--EXPECT--
NULL
The WebSocket server is still stopping: start it again when start() has returned
