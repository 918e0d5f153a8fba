--TEST--
A handler that calls Fiber::suspend() itself is continued soon, with null; others continue
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/suspend', function ($connection) {
        for ($i = 0; $i < 5; $i++) {
            $connection->send("$i " . var_export(Fiber::suspend($i), true));
        }
        $connection->send('read ' . $connection->read());
        $connection->send('got ' . var_export(Fiber::suspend(), true));
    });
    $server->on('/forever', function ($connection) { while ($connection->isConnected()) Fiber::suspend(); echo "left\n"; });
    $server->on('/echo', function ($connection) { while (($m = $connection->read()) !== null) $connection->send($m); });
    PHP);
$forever = $server->connect('/forever');
$echo = $server->connect('/echo');
$client = $server->connect('/suspend');
for ($i = 0; $i < 5; $i++) {
    echo $client->read(), "\n";
}
$echo->send('meanwhile');
echo $echo->read(), "\n";
$client->send('hello');
echo $client->read(), "\n", $client->read(), "\n";
$forever->close();
$server->waitFor('left');
echo $server->stop();
?>
--EXPECT--
0 NULL
1 NULL
2 NULL
3 NULL
4 NULL
meanwhile
read hello
got NULL
left
