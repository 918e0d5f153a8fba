--TEST--
exit() in a handler ends the script with its code: connections are closed, waiting handlers are unwound, shutdown functions run
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    class Noisy { public function __destruct() { echo "destructed\n"; } }
    register_shutdown_function(function () use ($server) { echo 'shutdown function, running: ', var_export($server->isRunning(), true), "\n"; });
    $server->on('/wait', function ($connection) {
        $noisy = new Noisy;
        try {
            $connection->send('waiting');
            $connection->read();
            echo "must not be reached\n";
        } finally {
            echo "finally ", var_export($connection->send('x'), true), ' ', var_export($connection->read(), true), "\n";
        }
    });
    $server->on('/exit', function ($connection) {
        echo "before\n";
        exit(5);
    });
    PHP, 'echo "must not be reached\n";');
$waiting = $server->connect('/wait');
$idle = $server->connect('/');
echo $waiting->read(), "\n";
echo $server->connect('/exit')->readClose(), "\n", $waiting->readClose(), "\n", $idle->readClose(), "\n";
echo $server->wait();
?>
--EXPECT--
waiting
1001 server is shutting down
1001 server is shutting down
1001 server is shutting down
before
finally false NULL
destructed
shutdown function, running: false
exit code 5
