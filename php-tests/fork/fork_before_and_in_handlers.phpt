--TEST--
pcntl_fork() before start() and in a handler: the child has no server, and its end does no harm to the server of the parent
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    if (pcntl_fork() === 0) {
        posix_kill(posix_getpid(), SIGSTOP);
        exit(0);
    }
    $child = pcntl_wait($status, WUNTRACED);
    posix_kill($child, SIGCONT);
    pcntl_wait($status);
    $server->on('/wait', function ($connection) {
        while (($message = $connection->read()) !== null) {
            $connection->send($message);
        }
    });
    $server->on('/exit', function ($connection) use ($server) {
        if (pcntl_fork() === 0) {
            $answers = [$server->isRunning(), $connection->isConnected(), $connection->send('child'), $connection->read(),
                $server->getConnectionCount(), $server->getConnections(), usleep(1), $server->broadcast('child'), $connection->close()];
            echo 'child: ', json_encode($answers), "\n";
            exit(0);
        }
        pcntl_wait($status);
        $connection->send('parent: ' . pcntl_wexitstatus($status));
    });
    $server->on('/return', function ($connection) {
        if (pcntl_fork() === 0) {
            return;
        }
        pcntl_wait($status);
        $connection->send('parent: ' . pcntl_wexitstatus($status));
    });
    $parent = posix_getpid();
    PHP, 'echo posix_getpid() === $parent ? "parent returned\n" : "child returned\n";');
$waiting = $server->connect('/wait');
$client = $server->connect('/exit');
echo $client->read(), "\n";
$client = $server->connect('/return');
echo $client->read(), "\n";
$waiting->send('unhurt');
echo $waiting->read(), "\n";
echo $server->stop();
?>
--EXPECT--
parent: 0
parent: 0
unhurt
child: [false,false,false,null,0,[],null,null,null]
child returned
parent returned
