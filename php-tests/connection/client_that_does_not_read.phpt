--TEST--
A client that does not read is disconnected when too much waits for it: send() is false then, and PHP was never blocked
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/flood', function ($connection) {
        $text = str_repeat('x', 65536);
        $longest = $sent = 0;
        do {
            $began = microtime(true);
            $answer = $connection->send($text);
            $longest = max($longest, microtime(true) - $began);
            if (++$sent % 16 === 0) {
                usleep(0);
            }
        } while ($answer && $sent < 100000);
        echo $sent > 16 && $sent < 100000 ? 'disconnected' : "sent $sent", $longest < 1 ? ', not blocked' : ", blocked for $longest s", "\n";
        var_dump($connection->isConnected(), $connection->read());
    });
    $server->on('/', function ($connection) { $connection->send('served'); });
    PHP, '', '-d fastapi_websocket.max_outbox_bytes=1M');
$lazy = $server->connect('/flood');
echo $server->connect('/')->read(), "\n";
$server->waitFor("bool(false)\nNULL");
echo $lazy->readClose(), "\n";
echo $server->stop();
?>
--EXPECT--
served
4008 too slow: messages would have been missed
disconnected, not blocked
bool(false)
NULL
