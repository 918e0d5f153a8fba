--TEST--
pcntl_signal() handlers run while start() waits, with and without async signals, and may stop the server
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
foreach (['true', 'false'] as $async) {
    $server = new ServerProcess(<<<PHP
        pcntl_async_signals($async);
        pcntl_signal(SIGUSR1, function () use (\$server) {
            echo "SIGUSR1\\n";
            foreach (\$server->getConnections() as \$connection) {
                \$connection->send('signalled');
            }
        });
        pcntl_signal(SIGUSR2, function () { throw new Exception('thrown in a signal handler'); });
        pcntl_signal(SIGTERM, function () use (\$server) { echo "SIGTERM\\n"; \$server->stop(); });
        \$server->on('/busy', function (\$connection) {
            while (\$connection->isConnected()) {
                usleep(0);
            }
        });
        PHP, 'echo "returned\n";');
    $client = $server->connect('/');
    posix_kill($server->pid(), SIGUSR1);
    echo $client->read(), "\n";
    posix_kill($server->pid(), SIGUSR2);
    $server->waitFor('  thrown');
    $busy = $server->connect('/busy');
    posix_kill($server->pid(), SIGUSR1);
    echo $busy->read(), ' ', $client->read(), "\n";
    posix_kill($server->pid(), SIGTERM);
    echo $client->readClose(), "\n";
    echo $server->wait();
}
// Without a handler a signal ends the script.
$server = new ServerProcess('');
posix_kill($server->pid(), SIGTERM);
echo $server->wait();
?>
--EXPECTF--
signalled
signalled signalled
1001 server is shutting down
SIGUSR1

Warning: Uncaught Exception: thrown in a signal handler in SCRIPT:%d
Stack trace:
%A
  thrown in SCRIPT on line %d
SIGUSR1
SIGTERM
returned
signalled
signalled signalled
1001 server is shutting down
SIGUSR1

Warning: Uncaught Exception: thrown in a signal handler in SCRIPT:%d
Stack trace:
%A
  thrown in SCRIPT on line %d
SIGUSR1
SIGTERM
returned
exit code 1015
