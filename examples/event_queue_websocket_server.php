<?php
// A WebSocket server in one PHP process: it answers clients of several routes, and tells every client the events that other
// PHP processes queue.
//
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue php event_queue_websocket_server.php
//
// WS_HOST and WS_PORT say where it listens (default 127.0.0.1:8081), EVENT_QUEUE_PATH which directory it empties. Ctrl-C stops
// it. For a server without handlers of its own the stand-alone fastapi-broadcaster is enough, and needs no PHP.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketConnection;
use FASTAPI\WebSocket\WebSocketServer;

$host = getenv('WS_HOST') ?: '127.0.0.1';
// Kubernetes sets WS_PORT=tcp://ADDRESS:PORT beside a service named ws: that is no port of ours.
$port = preg_match('/^\d+$/', (string) getenv('WS_PORT')) ? (int) getenv('WS_PORT') : 8081;
$queue = getenv('EVENT_QUEUE_PATH') ?: sys_get_temp_dir() . '/fastapi-events';

/** A message to one client, in the shape that events have. */
function message(string $event, mixed $payload): string
{
    return json_encode(['event' => $event, 'payload' => $payload, 'timestamp' => time()], JSON_INVALID_UTF8_SUBSTITUTE);
}

$server = WebSocketServer::getInstance();

// The first shape of a handler: it says something and returns. The client stays connected and receives all events.
$server->on('/', function (WebSocketConnection $connection) use ($server) {
    $connection->send(message('welcome', ['clients' => $server->getConnectionCount()]));
});

// The second shape: it converses until the client leaves. Thousands of such loops run side by side.
$server->on('/echo', function (WebSocketConnection $connection) {
    while ($connection->isConnected()) {
        $message = $connection->read();
        if ($message === null) {
            break; // The client has left.
        }
        $connection->send($message);
    }
});

// A route may look at the request: its path with the query, and its headers.
$server->on('/whoami', function (WebSocketConnection $connection) {
    parse_str((string) parse_url($connection->getPath(), PHP_URL_QUERY), $query);
    $connection->send(message('you.are', [
        'path' => $connection->getPath(),
        'name' => $query['name'] ?? null,
        'agent' => $connection->getHeader('User-Agent'),
    ]));
});

// Asks for a password first, that of the variable WS_TOKEN, and sends away who does not know it. Events of the queue go to
// every client none the less: this protects what this handler says, not them.
$server->on('/private', function (WebSocketConnection $connection) {
    $token = (string) getenv('WS_TOKEN');
    if ($token === '' || !hash_equals($token, (string) $connection->read())) {
        $connection->send(message('refused', null));
        $connection->close();

        return;
    }
    $connection->send(message('accepted', null));
});

// Only sends, at its own pace. sleep() holds up nobody else.
$server->on('/clock', function (WebSocketConnection $connection) {
    while ($connection->isConnected()) {
        $connection->send(message('clock', date(DATE_ATOM)));
        sleep(1);
    }
});

// One client sends to all others.
$server->on('/chat', function (WebSocketConnection $connection) use ($server) {
    while (($message = $connection->read()) !== null) {
        // Whole characters only: half of one would be no UTF-8, and no JSON.
        preg_match('/^.{0,500}/us', $message, $text);
        $server->broadcast('chat.said', ['text' => $text[0] ?? '']);
    }
});

if (extension_loaded('pcntl')) {
    pcntl_async_signals(true);
    foreach ([SIGINT, SIGTERM] as $signal) {
        pcntl_signal($signal, fn () => $server->stop());
    }
}

try {
    // Prints "WebSocket server started on ws://HOST:PORT" and returns when stop() is called.
    $server->host($host)->port($port)->eventQueue($queue)->start();
} catch (Exception $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
echo "WebSocket server stopped\n";
