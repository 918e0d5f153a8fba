<?php
// A guest book: a page that PHP renders, and that is kept up to date from there on. Nothing is missed between the rendering and
// the connection, however long that takes: the moment before the data is read is in the page, and its client goes on after it.
//
//   fastapi-broadcaster --queue /var/lib/fastapi-broadcaster/queue
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue php -S 127.0.0.1:8080 guest_book.php

declare(strict_types=1);

use FASTAPI\WebSocket\EventQueue;

require_once __DIR__ . '/example_support.php';

const CHANNEL = 'guest-book';

function entries(): array
{
    return stored('guest-book')['entries'] ?? [];
}

/** First what changes the data, then the event: who reads the data after the event finds it there. */
function sign(array $body): array
{
    $text = requiredText($body, 'text', 200);
    $entries = stored('guest-book', function (array $book) use ($text) {
        $id = ($book['last'] ?? 0) + 1;
        // The newest first, and no more than fit on the page.
        $entries = array_slice([['id' => $id, 'text' => $text], ...$book['entries'] ?? []], 0, 50);

        return ['last' => $id, 'entries' => $entries];
    })['entries'];
    $queued = tellClients(fn (EventQueue $queue) => $queue->publish('guest.signed', $entries[0], channel: CHANNEL));

    return [201, ['entry' => $entries[0], 'queued' => $queued]];
}

function servePageOfGuests(): void
{
    // Before the data is read. What is queued from here on reaches the page as an event.
    $after = EventQueue::now();
    $data = ['after' => $after, 'entries' => entries(), 'channel' => CHANNEL, 'websocketUrl' => websocketUrl()];
    header('Content-Type: text/html; charset=utf-8');
    header('Cache-Control: no-store');
    header("Content-Security-Policy: default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self'; img-src data:; "
        . "connect-src 'self' http: https: ws: wss:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
    // No text of a guest can end the script.
    $json = json_encode($data, JSON_HEX_TAG | JSON_HEX_AMP | JSON_THROW_ON_ERROR);
    echo str_replace('"the data of the page"', $json, file_get_contents(__DIR__ . '/guest_book.html'));
}

if (requestPath() === '/') {
    servePageOfGuests();
} elseif (!servePage('guest_book.html')) {
    serveApi([
        'GET entries' => fn () => [200, ['entries' => entries()]],
        'POST entries' => fn () => sign(requestBody()),
    ]);
}
