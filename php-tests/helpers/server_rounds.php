<?php
// A server that is started and stopped several times, with every kind of handler; run by php-tests/valgrind-server.
//
//   php server_rounds.php ROUNDS

use FASTAPI\WebSocket\WebSocketServer;

[, $rounds] = $argv;
$server = WebSocketServer::getInstance(new stdClass)->host('127.0.0.1');
$answer = function ($connection) {
    while ($connection->isConnected()) {
        $message = $connection->read();
        if ($message === null) {
            break;
        }
        $connection->isBinary() ? $connection->sendBinary($message) : $connection->send($message);
    }
};
$server->on('/echo', $answer);
$server->on('/brief', function ($connection) {
    $connection->send(json_encode([$connection->getHeaders(), $connection->getHeader('host')]));
});
$server->on('/throw', function ($connection) {
    $connection->read();
    throw new DomainException('thrown');
});
$server->on('/timer', function ($connection) {
    for ($i = 0; $i < 5; $i++) {
        usleep(1000);
        $connection->send("tick $i");
    }
    time_nanosleep(0, 1000);
    $connection->close();
});
$server->on('/suspend', function ($connection) use ($answer) {
    Fiber::suspend();
    $answer($connection);
});
$server->on('/nested', function ($connection) use ($answer) {
    $fiber = new Fiber(function () use ($connection, $answer) {
        Fiber::suspend();
        $answer($connection);
    });
    $fiber->start();
    $fiber->resume();
});
$server->on('/generator', function ($connection) {
    $messages = (function () use ($connection) {
        while (($message = $connection->read()) !== null) {
            yield $message;
        }
    })();
    foreach ($messages as $message) {
        $connection->send($message);
    }
});
// Its own buffers and error handlers, still open when it ends or is unwound.
$server->on('/page', function ($connection) use ($answer) {
    set_error_handler(fn ($level, $message) => print "own: $message\n");
    set_error_handler(fn ($level, $message) => print "nested: $message\n");
    set_exception_handler(fn ($exception) => print "own\n");
    ob_start();
    ob_start(fn ($text) => strrev($text));
    $answer($connection);
    trigger_error('page');
    restore_error_handler();
    if (random_int(0, 1)) {
        throw new DomainException('in a page');
    }
});
$server->on('/all', function ($connection) use ($server) {
    foreach ($server->getConnections() as $other) {
        $other->send('to all');
    }
    $server->broadcast('event', ['count' => $server->getConnectionCount()]);
    $server->on('/late' . random_int(0, 9), fn ($connection) => $connection->send('late'));
});
$server->on('/stop', function () use ($server) {
    $server->stop();
});
set_error_handler(fn ($level, $message) => print "script: $message\n");
ob_start(fn ($text) => $text, 1);
set_exception_handler(function ($exception) { echo get_class($exception), "\n"; });
$server->port(0);
for ($round = 0; $round < $rounds; $round++) {
    $server->start();
    try {
        // A port that is taken, between two rounds.
        $taken = stream_socket_server('tcp://127.0.0.1:0');
        $server->port(substr(strrchr(stream_socket_get_name($taken, false), ':'), 1))->start();
    } catch (Exception $exception) {
        echo "refused\n";
    }
    $server->port(0);
}
echo "end\n";
