--TEST--
fastapi_websocket.sleep_hook=off leaves the functions as they are: a sleep in a handler then blocks all
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    $server->on('/sleep', function ($connection) {
        $connection->send('before');
        usleep(300000);
        $connection->send('after');
    });
    $server->on('/ask', function ($connection) { $connection->send('answer'); });
    PHP;
foreach (['on', 'off'] as $hook) {
    $server = new ServerProcess($code, '', "-d fastapi_websocket.sleep_hook=$hook");
    $sleep = $server->connect('/sleep');
    $sleep->read();
    $began = microtime(true);
    echo $server->connect('/ask')->read(), microtime(true) - $began < 0.2 ? ' at once' : ' late', "\n";
    echo $sleep->read(), "\n";
    echo $server->stop();
}
?>
--EXPECT--
answer at once
after
answer late
after
