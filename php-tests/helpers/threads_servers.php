<?php
// Runs servers in several threads at the same time, each of which has handlers that wait when it is stopped; run by
// php-tests/threads.

in_threads(<<<'PHP'
    $server = FASTAPI\WebSocket\WebSocketServer::getInstance()->host('127.0.0.1')->port(0);
    $handlers = 0;
    $server->on('/wait', function ($connection) use (&$handlers) {
        $handlers++;
        while ($connection->read() !== null);
        $handlers--;
    });
    $server->on('/stop', function () use ($server, &$handlers) {
        while ($handlers < 3) {
            usleep(1000);
        }
        $server->stop();
    });
    // The clients only connect: one that waited for a server of its own thread would wait for itself.
    $sockets = [];
    $connect = function (string $line) use (&$sockets) {
        if (!preg_match('~^WebSocket server started on ws://(.+)\n$~', $line, $match)) {
            return $line;
        }
        foreach (['wait', 'wait', 'wait', 'stop'] as $path) {
            $sockets[] = $socket = stream_socket_client("tcp://$match[1]");
            fwrite($socket, "GET /$path HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
        }
        return '';
    };
    ob_start($connect, 1);
    $server->start();
    ob_end_flush();
    echo "ended, $handlers handlers left\n";
    PHP, 4, 3);
