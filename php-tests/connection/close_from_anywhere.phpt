--TEST--
close() sends the close frame with code 1000, from the handler, from another one and twice; a handler that reads is woken
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/self', function ($connection) use ($server) {
        $connection->send('before');
        var_dump($connection->close(), $connection->isConnected(), $connection->send('after'), $connection->read(), $connection->close());
        var_dump(in_array($connection, $server->getConnections(), true));
    });
    $server->on('/read', function ($connection) {
        $connection->send('reading');
        echo 'read: ', var_export($connection->read(), true), "\n";
    });
    $server->on('/others', function ($connection) use ($server) {
        foreach ($server->getConnections() as $other) {
            if ($other !== $connection) {
                $other->send('from another handler');
                $other->close();
            }
        }
        $connection->send((string) count($server->getConnections()));
    });
    PHP);
$client = $server->connect('/self');
echo $client->read(), ', ', $client->readClose(), "\n";
$reading = $server->connect('/read');
$idle = $server->connect('/idle');
echo $reading->read(), "\n";
echo $server->connect('/others')->read(), "\n";
echo $reading->read(), ', ', $reading->readClose(), "\n", $idle->read(), ', ', $idle->readClose(), "\n";
echo $server->stop();
?>
--EXPECT--
before, 1000
reading
1
from another handler, 1000
from another handler, 1000
NULL
bool(false)
bool(false)
NULL
NULL
bool(false)
read: NULL
