--TEST--
A client that sends more than its handler reads is slowed down, and nothing is lost or out of order
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/', function ($connection) {
        $connection->send('ready');
        usleep(50000);
        $expected = 0;
        while (($message = $connection->read()) !== 'end') {
            if ((int) $message !== $expected++) {
                $connection->send("got $message");
            }
        }
        $connection->send("$expected in order, " . (memory_get_peak_usage() < 32 << 20 ? 'little memory' : memory_get_peak_usage()));
    });
    PHP);
$client = $server->connect('/');
echo $client->read(), "\n";
for ($i = 0; $i < 20000; $i++) {
    $client->send(sprintf('%d %500s', $i, ''));
}
$client->send('end');
echo $client->read(), "\n";
echo $server->stop();
?>
--EXPECT--
ready
20000 in order, little memory
