<?php
// Queues a long backlog of small events, each with its number as payload: queue_backlog.php QUEUE COUNT.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketServer;

[, $queue, $count] = $argv;
for ($number = 0; $number < $count; $number++) {
    WebSocketServer::queueEvent($queue, 'backlog', $number) || exit(WebSocketServer::lastError());
}
