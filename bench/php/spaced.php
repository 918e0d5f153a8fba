<?php
// Queues events one at a time with a pause in between. Each carries its number and the monotonic clock at the call.
// Usage: php spaced.php DIRECTORY EVENTS PAUSE_MICROSECONDS

declare(strict_types=1);

[, $directory, $events, $pause] = $argv;
for ($id = 0; $id < (int) $events; $id++) {
    $payload = ['n' => sprintf('%010d', $id), 't' => sprintf('%016d', hrtime(true)), 'x' => ''];
    if (!FASTAPI\WebSocket\WebSocketServer::queueEvent($directory, 'b', $payload)) {
        fwrite(STDERR, FASTAPI\WebSocket\WebSocketServer::lastError() . "\n");
        exit(1);
    }
    usleep((int) $pause);
}
