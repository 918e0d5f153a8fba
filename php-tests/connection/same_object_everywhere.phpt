--TEST--
getConnections() gives the object that the handler got, in the order of connecting, until the client leaves
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    class Watch { public function __destruct() { echo "connection's data freed\n"; } }
    $seen = new SplObjectStorage;
    $names = new WeakMap;
    $server->on('/named', function ($connection) use ($names, $seen) {
        $seen->attach($connection);
        $names[$connection] = [$connection->getPath(), new Watch];
        $connection->send('named');
        $seen->detach($connection);
    });
    $server->on('/list', function ($connection) use ($server, $names) {
        foreach ($server->getConnections() as $key => $other) {
            $list[] = "$key " . $other->getPath() . ' ' . ($names[$other][0] ?? 'unnamed') . ($other === $connection ? ' self' : '');
        }
        $same = $server->getConnections() === $server->getConnections();
        $connection->send(implode(', ', $list) . ', count ' . $server->getConnectionCount() . ', same ' . var_export($same, true));
    });
    PHP);
$idle = $server->connect('/idle');
$first = $server->connect('/named?1');
echo $first->read(), "\n";
$second = $server->connect('/named?2');
echo $second->read(), "\n";
echo $server->connect('/list')->read(), "\n";
$first->close();
$server->waitFor('freed');
echo $server->connect('/list')->read(), "\n";
echo $server->stop();
?>
--EXPECTF--
named
named
0 /idle unnamed, 1 /named?1 /named?1, 2 /named?2 /named?2, 3 /list unnamed self, count 4, same true
0 /idle unnamed, 1 /named?2 /named?2, 2 /list unnamed%S, count %d, same true
connection's data freed
connection's data freed
