<?php
// A live counter for everybody: each visit counts, and every open page shows the new number. No login, no token, no channel:
// what is published without a channel reaches every client, also the plain ones of a page that knows nothing of channels.
//
//   fastapi-broadcaster --queue /var/lib/fastapi-broadcaster/queue
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue php -S 127.0.0.1:8080 live_counter.php

declare(strict_types=1);

use FASTAPI\WebSocket\EventQueue;

require_once __DIR__ . '/example_support.php';

function countVisit(): array
{
    $visits = stored('counter', fn (array $counter) => ['visits' => ($counter['visits'] ?? 0) + 1])['visits'];
    // A number that is older than ten seconds helps nobody: after a pause of the broadcaster it is not sent any more. And where
    // events wait, orders and payments go first.
    $queued = tellClients(
        fn (EventQueue $queue) => $queue->publish('visits.counted', ['visits' => $visits], ttl: 10, priority: EventQueue::LOW),
    );

    return [200, ['visits' => $visits, 'queued' => $queued]];
}

if (!servePage('live_counter.html')) {
    serveApi([
        'GET visits' => fn () => [200, ['visits' => stored('counter')['visits'] ?? 0]],
        'POST visits' => countVisit(...),
    ]);
}
