<?php
// Queues events in turn as the pure-PHP class does, in place under a name of its own kind, and with the extension; each
// with its number as payload: queue_as_original.php QUEUE COUNT.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketServer;

function queueAsOriginal(string $queue, string $event, mixed $payload): bool
{
    $file = $queue . '/' . microtime(true) . '_' . uniqid() . '.json';
    $content = ['event' => $event, 'payload' => $payload, 'timestamp' => time(), 'queued_at' => microtime(true)];

    return file_put_contents($file, json_encode($content)) !== false;
}

[, $queue, $count] = $argv;
for ($number = 0; $number < $count; $number++) {
    $queued = $number % 3 === 2
        ? WebSocketServer::queueEvent($queue, 'native', $number)
        : queueAsOriginal($queue, 'original', $number);
    $queued || exit("not queued: $number");
}
