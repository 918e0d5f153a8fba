<?php
// A WebSocket server in one PHP process: it answers clients of several routes, and sends the events that other PHP processes
// queue to every client.
//
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue php event_queue_websocket_server.php
//
// WS_HOST and WS_PORT say where it listens (default 127.0.0.1:8081), EVENT_QUEUE_PATH which directory it empties. Ctrl-C stops
// it. If you need no handlers, the stand-alone fastapi-broadcaster is enough; it needs no PHP.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketConnection;
use FASTAPI\WebSocket\WebSocketServer;

$host = getenv('WS_HOST') ?: '127.0.0.1';
// Kubernetes sets WS_PORT=tcp://ADDRESS:PORT if there is a service named ws: such a value is ignored.
$port = preg_match('/^\d+$/', (string) getenv('WS_PORT')) ? (int) getenv('WS_PORT') : 8081;
$queue = getenv('EVENT_QUEUE_PATH') ?: sys_get_temp_dir() . '/fastapi-events';

/** A message to one client, in the shape that events have. */
function message(string $event, mixed $payload): string
{
    return json_encode(['event' => $event, 'payload' => $payload, 'timestamp' => time()], JSON_INVALID_UTF8_SUBSTITUTE);
}

$server = WebSocketServer::getInstance();

// A handler can send something and return. The client stays connected and receives all events.
$server->on('/', function (WebSocketConnection $connection) use ($server) {
    $connection->send(message('welcome', ['clients' => $server->getConnectionCount()]));
});

// Or it reads and sends in a loop until the client leaves. Thousands of such loops can run concurrently.
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

// Asks for the password of the variable WS_TOKEN first, and closes the connection if it is wrong. Events of the queue still go
// to every client: the password protects only what this handler sends.
$server->on('/private', function (WebSocketConnection $connection) {
    $token = (string) getenv('WS_TOKEN');
    if ($token === '' || !hash_equals($token, (string) $connection->read())) {
        $connection->send(message('refused', null));
        $connection->close();

        return;
    }
    $connection->send(message('accepted', null));
});

// Only sends, with pauses. sleep() does not block other clients.
$server->on('/clock', function (WebSocketConnection $connection) {
    while ($connection->isConnected()) {
        $connection->send(message('clock', date(DATE_ATOM)));
        sleep(1);
    }
});

// One client sends to all others.
$server->on('/chat', function (WebSocketConnection $connection) use ($server) {
    while (($message = $connection->read()) !== null) {
        // Whole characters only: a part of a character is not valid UTF-8, and not valid JSON.
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
