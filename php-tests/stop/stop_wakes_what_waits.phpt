--TEST--
stop() wakes handlers that read or sleep; one that does not end is unwound
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/read', function ($connection) {
        $connection->send('ready');
        echo 'read: ', var_export($connection->read(), true), "\n";
    });
    $server->on('/sleep', function ($connection) {
        $connection->send('ready');
        while ($connection->isConnected()) {
            $left = sleep(1000);
        }
        echo 'sleep: ', $left > 900 && $left < 1000 ? 'cut short' : $left, "\n";
    });
    $server->on('/stubborn', function ($connection) {
        $connection->send('ready');
        try {
            while (true) {
                usleep(1000);
            }
        } finally {
            echo "unwound\n";
        }
    });
    PHP, 'echo "returned\n";');
foreach (['/read', '/sleep', '/stubborn'] as $target) {
    $clients[] = $client = $server->connect($target);
    echo $client->read(), "\n";
}
$began = microtime(true);
$output = $server->stop();
echo $output;
var_dump(microtime(true) - $began < 10);
?>
--EXPECT--
ready
ready
ready
read: NULL
sleep: cut short
unwound
returned
bool(true)
