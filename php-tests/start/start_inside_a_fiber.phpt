--TEST--
start() in a Fiber of the script: handlers run as usual
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/', function ($connection) {
        $connection->send('hello');
        usleep(1000);
        $connection->send('read ' . $connection->read());
    });
    $fiber = new Fiber(function () use ($server) {
        Fiber::suspend('started');
        $server->start();
        return 'ended';
    });
    echo $fiber->start(), "\n";
    $fiber->resume();
    echo $fiber->getReturn(), "\n";
    exit;
    PHP);
$client = $server->connect('/');
echo $client->read(), "\n";
$client->send('me');
echo $client->read(), "\n";
echo $server->stop();
?>
--EXPECT--
hello
read me
started
ended
