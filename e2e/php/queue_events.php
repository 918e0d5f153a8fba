<?php
// One producer: queues numbered events and prints each payload as json_encode writes it, a line per event.
// On the command line: queue_events.php QUEUE PRODUCER FIRST COUNT; in php-fpm the same names in the query.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketServer;

[$queue, $producer, $first, $count] = PHP_SAPI === 'cli'
    ? array_slice($argv, 1)
    : [$_SERVER['QUEUE'], $_GET['producer'], $_GET['first'], $_GET['count']];

header('Content-Type: text/plain');
for ($number = (int) $first; $number < $first + $count; $number++) {
    // Sizes differ, so that entries of several blocks and of a few bytes stand beside each other.
    $payload = [
        'producer' => $producer,
        'number' => $number,
        'path' => "/orders/$number",
        'name' => "Zoë \u{1F375} \"quoted\"",
        'total' => $number / 3,
        'padding' => str_repeat('x', $number % 50 === 0 ? 20_000 : $number % 7),
    ];
    if (!WebSocketServer::queueEvent($queue, 'numbered', $payload)) {
        http_response_code(500);
        echo 'not queued: ', WebSocketServer::lastError(), "\n";
        exit(1);
    }
    echo json_encode($payload), "\n";
}
