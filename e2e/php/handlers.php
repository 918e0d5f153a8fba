<?php
// Serves loops that take their time, timers, and a handler that forks, on a port of the system's choice: handlers.php QUEUE. A client of /stop ends it.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketConnection;
use FASTAPI\WebSocket\WebSocketServer;

$tell = fn (string $event, mixed $payload) => json_encode(['event' => $event, 'payload' => $payload]);
$server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->eventQueue($argv[1]);
$server->on('/loop', function (WebSocketConnection $connection) use ($tell) {
    while (($message = $connection->read()) !== null) {
        usleep(100_000);
        $connection->send($tell('answer', $message));
    }
});
$server->on('/timer', function (WebSocketConnection $connection) use ($tell) {
    for ($tick = 0; $connection->isConnected(); $tick++) {
        $connection->send($tell('tick', $tick));
        usleep(50_000);
    }
});
$server->on('/fork', function (WebSocketConnection $connection) use ($tell) {
    if (pcntl_fork() === 0) {
        echo 'child ', getmypid(), "\n";
        sleep(100);
        exit;
    }
    $connection->send($tell('forked', null));
});
$server->on('/stop', fn () => $server->stop());
$server->start();
echo "stopped\n";
