--TEST--
Messages of a client that has left are still read; then read() is null, isConnected() and send() are false
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $go = $was_read = false;
    $wait = function () use (&$go) { while (!$go) usleep(1000); };
    $server->on('/go', function () use (&$go, $server) {
        // The clients that left are not counted any more.
        while ($server->getConnectionCount() > 1) usleep(1000);
        $go = true;
    });
    $server->on('/read', function ($connection) use ($wait, &$was_read) {
        $wait();
        echo 'send: ', var_export($connection->send('x'), true), "\n";
        while ($connection->isConnected()) {
            if (!$connection->isConnected()) echo "asked too often\n";
            $message = $connection->read();
            echo 'read: ', var_export($message, true), "\n";
            if (!$connection->isConnected() && $message === 'one') echo "one more was there\n";
        }
        var_dump($connection->read(), $connection->isConnected(), $connection->close());
        $was_read = true;
    });
    $server->on('/timer', function ($connection) use (&$was_read) {
        while (!$was_read) usleep(1000);
        $turns = 0;
        while ($connection->isConnected()) {
            usleep(100);
            $turns++;
        }
        echo 'timer: ', $turns <= 4 ? 'a few turns' : "$turns turns", "\n";
    });
    PHP);
foreach (['/read', '/timer'] as $target) {
    $client = $server->connect($target);
    $client->send('one');
    $client->send('two');
    $client->close();
}
$server->connect('/go')->close();
$server->waitFor('timer');
echo $server->stop();
?>
--EXPECT--
send: false
read: 'one'
read: 'two'
NULL
bool(false)
NULL
timer: a few turns
