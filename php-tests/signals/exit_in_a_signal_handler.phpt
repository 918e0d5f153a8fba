--TEST--
exit() in a signal handler ends the script while start() waits and while a handler runs
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
foreach (['/', '/busy', '/sleep'] as $target) {
    $server = new ServerProcess(<<<'PHP'
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, function () { echo "SIGTERM\n"; exit(3); });
        $server->on('/busy', function ($connection) { $connection->send('busy'); while (true); });
        $server->on('/ask', function ($connection) { $connection->send('answer'); });
        $server->on('/sleep', function ($connection) {
            $connection->send('busy');
            try { sleep(100); } finally { echo "finally\n"; }
        });
        PHP, 'echo "must not be reached\n";');
    $client = $server->connect($target);
    if ($target !== '/') {
        echo $client->read(), "\n";
    }
    if ($target === '/sleep') {
        // exit() runs no `finally` of the code it interrupts, but the handler sleeps when another one runs.
        echo $server->connect('/ask')->read(), "\n";
    }
    posix_kill($server->pid(), SIGTERM);
    echo $client->readClose(), "\n";
    echo $server->wait();
}
?>
--EXPECT--
1001 server is shutting down
SIGTERM
exit code 3
busy
1001 server is shutting down
SIGTERM
exit code 3
busy
answer
1001 server is shutting down
SIGTERM
finally
exit code 3
