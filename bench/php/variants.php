<?php
// The ways to queue one event that are measured against each other: the extension, the code of the original pure-PHP
// class, and that code made atomic, since a reader of the original may see half a file.

declare(strict_types=1);

const VARIANTS = [
    'native' => 'queue_native',
    'original' => 'queue_original',
    'rename' => 'queue_rename',
];

function queue_native(string $queuePath, string $event, mixed $payload): bool
{
    return FASTAPI\WebSocket\WebSocketServer::queueEvent($queuePath, $event, $payload);
}

function queue_original(string $queuePath, string $event, mixed $payload): bool
{
    if (!is_dir($queuePath)) {
        if (!mkdir($queuePath, 0777, true)) {
            return false;
        }
    }
    $data = json_encode([
        'event' => $event,
        'payload' => $payload,
        'timestamp' => time(),
        'queued_at' => microtime(true),
    ]);
    $file = $queuePath . '/' . microtime(true) . '_' . uniqid() . '.json';
    return file_put_contents($file, $data) !== false;
}

function queue_rename(string $queuePath, string $event, mixed $payload): bool
{
    if (!is_dir($queuePath)) {
        if (!mkdir($queuePath, 0777, true)) {
            return false;
        }
    }
    $data = json_encode([
        'event' => $event,
        'payload' => $payload,
        'timestamp' => time(),
        'queued_at' => microtime(true),
    ]);
    $name = microtime(true) . '_' . uniqid() . '.json';
    $temporary = $queuePath . '/.' . $name;
    if (file_put_contents($temporary, $data) === false) {
        return false;
    }
    return rename($temporary, $queuePath . '/' . $name);
}

/** An order as a shop would announce it: about 200 bytes of JSON. */
function sample_payload(int $id): array
{
    return [
        'id' => $id,
        'user_id' => 48213,
        'status' => 'paid',
        'total' => 149.9,
        'currency' => 'EUR',
        'items' => [3, 17, 52],
        'coupon' => null,
        'gift' => false,
        'email' => 'customer@example.com',
        'created_at' => '2024-10-15T14:26:40+00:00',
        'channel' => 'web',
    ];
}
