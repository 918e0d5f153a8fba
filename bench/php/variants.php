<?php
// The ways to queue one event that are measured against each other: the extension with its forms of a queue, the code of
// the original pure-PHP class, that code made atomic, since a reader of the original may see half a file, and XADD of
// phpredis, over TCP to a Redis of this machine (REDIS_PORT).

declare(strict_types=1);

const VARIANTS = [
    'native' => 'queue_native',
    'original' => 'queue_original',
    'rename' => 'queue_rename',
    'journal' => 'queue_native',
    'batch' => 'queue_in_batches',
    'xadd' => 'queue_xadd',
];

const EVENTS_OF_BATCH = 100;

/** What a variant needs before its first event. */
function prepare(string $variant, string $directory): void
{
    $is_journal = in_array($variant, ['journal', 'batch']);
    ini_set('fastapi_websocket.queue', $is_journal ? 'journal' : 'directory');
    if ($is_journal && !is_dir("$directory/journal")) {
        // As a broadcaster does that reads journals.
        mkdir("$directory/journal", 0777, true);
        $reader = '{"version":"bench","forms":["directory","journal"],"epoch":"0000000000000001"}';
        file_put_contents("$directory/.reader", $reader);
    }
    if ($variant === 'xadd') {
        redis();
    }
}

/** How many events a variant has queued into a directory. */
function count_queued(string $variant, string $directory): int
{
    if ($variant === 'xadd') {
        return redis()->xLen($directory);
    }
    $segments = glob("$directory/journal/*.seg");
    // Each line has one.
    $lines = array_map(fn ($segment) => substr_count(file_get_contents($segment), '{"v":1,'), $segments);
    return count(glob("$directory/*.json")) + array_sum($lines);
}

function redis(): Redis
{
    static $redis = null;
    if ($redis === null) {
        $redis = new Redis();
        $redis->pconnect('127.0.0.1', (int) getenv('REDIS_PORT'));
    }
    return $redis;
}

function queue_native(string $queuePath, string $event, mixed $payload): bool
{
    return FASTAPI\WebSocket\WebSocketServer::queueEvent($queuePath, $event, $payload);
}

/** Each hundredth call queues what the calls before have gathered. */
function queue_in_batches(string $queuePath, string $event, mixed $payload): bool
{
    static $events = [];
    $events[] = ['event' => $event, 'payload' => $payload];
    if (count($events) === EVENTS_OF_BATCH) {
        (new FASTAPI\WebSocket\EventQueue($queuePath))->publishAll($events);
        $events = [];
    }
    return true;
}

function queue_xadd(string $queuePath, string $event, mixed $payload): bool
{
    $data = json_encode([
        'event' => $event,
        'payload' => $payload,
        'timestamp' => time(),
        'queued_at' => microtime(true),
    ]);
    return redis()->xAdd($queuePath, '*', ['d' => $data]) !== false;
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
