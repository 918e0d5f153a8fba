--TEST--
start() prints the address, blocks until stop(), and every connection is closed then
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    echo 'running: ', var_export($server->isRunning(), true), "\n";
    $server->on('/ask', function ($connection) use ($server) {
        $connection->send('running: ' . var_export($server->isRunning(), true));
    });
    $server->on('/stop', function ($connection) use ($server) {
        var_dump($server->stop(), $server->isRunning(), $connection->isConnected(), $connection->send('x'), $server->getConnectionCount());
    });
    PHP, <<<'PHP'
    echo 'start() has returned, running: ', var_export($server->isRunning(), true), "\n";
    $server->stop();
    PHP);
$asking = $server->connect('/ask');
echo $asking->read(), "\n";
$stopping = $server->connect('/stop');
echo $asking->readClose(), "\n", $stopping->readClose(), "\n";
echo $server->wait();
?>
--EXPECT--
running: true
1001 server is shutting down
1001 server is shutting down
running: false
NULL
bool(false)
bool(false)
bool(false)
int(0)
start() has returned, running: false
