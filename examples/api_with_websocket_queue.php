<?php
// An API that sends its changes to every open page: orders are created, changed and deleted, notifications are sent, and each
// request queues an event. Runs under php -S and under php-fpm:
//
//   EVENT_QUEUE_PATH=/var/lib/fastapi-broadcaster/queue php -S 127.0.0.1:8080 api_with_websocket_queue.php
//
//   GET    /api/orders          the orders
//   POST   /api/orders          {"customer": "Zoë", "total": 19.9}        queues order.created
//   PATCH  /api/orders/ID       {"total": 25}                             queues order.updated
//   DELETE /api/orders/ID                                                 queues order.deleted
//   POST   /api/notifications   {"text": "Closing soon", "level": "info"} queues notification
//   POST   /api/events          {"event": "any.name", "payload": ...}     broadcasts any event
//
// EVENT_QUEUE_PATH is the queue directory, ORDERS_FILE where the orders are kept (default: a file in the system's temporary
// directory). There is no login here: a real API must check who calls it before it sends to all clients.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketServer;

/** An error answer. */
final class Refusal extends Exception
{
    public function __construct(public readonly int $status, string $message, public readonly array $headers = [])
    {
        parent::__construct($message);
    }
}

// ---- The operations. Each returns status and body.

function listOrders(): array
{
    return [200, ['orders' => array_values(changeOrders(fn (array $orders) => $orders))]];
}

function createOrder(): array
{
    $order = orderFields(requestBody(), required: true);
    changeOrders(function (array $orders) use (&$order) {
        $order = ['id' => max([0, ...array_keys($orders)]) + 1] + $order;
        $orders[$order['id']] = $order;

        return $orders;
    });

    return [201, ['order' => $order, 'queued' => announce('order.created', $order)]];
}

function updateOrder(int $id): array
{
    $changes = orderFields(requestBody(), required: false);
    $orders = changeOrders(function (array $orders) use ($id, $changes) {
        $orders[$id] = array_replace(existing($orders, $id), $changes);

        return $orders;
    });

    // Clients need to know what changed, not only the new values.
    return [200, [
        'order' => $orders[$id],
        'queued' => announce('order.updated', ['id' => $id, 'changes' => $changes, 'order' => $orders[$id]]),
    ]];
}

function deleteOrder(int $id): array
{
    changeOrders(function (array $orders) use ($id) {
        existing($orders, $id);
        unset($orders[$id]);

        return $orders;
    });

    return [200, ['deleted' => $id, 'queued' => announce('order.deleted', ['id' => $id])]];
}

function notify(): array
{
    $body = requestBody();
    $text = $body->text ?? null;
    $level = $body->level ?? 'info';
    if (!is_string($text) || trim($text) === '' || characters($text) > 500) {
        throw new Refusal(422, '"text" must be a text of 1 to 500 characters');
    }
    if (!in_array($level, ['info', 'warning', 'error'], true)) {
        throw new Refusal(422, '"level" must be info, warning or error');
    }
    queueOrFail('notification', ['level' => $level, 'text' => $text]);

    return [202, ['queued' => true, 'event' => 'notification']];
}

function broadcast(): array
{
    $body = requestBody();
    if (!is_string($body->event ?? null) || $body->event === '') {
        throw new Refusal(400, 'the body must be a JSON object with a name in "event" and anything in "payload"');
    }
    queueOrFail($body->event, $body->payload ?? null);

    return [202, ['queued' => true, 'event' => $body->event]];
}

// ---- Queueing

function queuePath(): string
{
    return getenv('EVENT_QUEUE_PATH') ?: sys_get_temp_dir() . '/fastapi-events';
}

/** For changes that were already made: the change remains also if the event cannot be queued, so the failure is logged. */
function announce(string $event, mixed $payload): bool
{
    // For the page of `make run`, which shows how long it takes from here. Events have whole seconds only.
    header(sprintf('X-Queued-At: %.3f', microtime(true) * 1000));
    $queued = WebSocketServer::queueEvent(queuePath(), $event, $payload);
    if (!$queued) {
        error_log("event $event was not queued: " . WebSocketServer::lastError());
    }

    return $queued;
}

/** For requests whose only purpose is the event. */
function queueOrFail(string $event, mixed $payload): void
{
    if (!announce($event, $payload)) {
        // The reason contains paths of this machine. It is logged; in development the answer has it too.
        $reason = PHP_SAPI === 'cli-server' ? ': ' . WebSocketServer::lastError() : '';
        throw new Refusal(503, "the event was not queued$reason", ['Retry-After' => '5']);
    }
}

// ---- Orders, in a file; a real API has a database here

/** Reads the orders, lets them be changed, writes them: one request at a time. */
function changeOrders(callable $change): array
{
    $path = getenv('ORDERS_FILE') ?: sys_get_temp_dir() . '/fastapi-orders.json';
    $file = @fopen($path, 'c+');
    if ($file === false || !flock($file, LOCK_EX)) {
        error_log("cannot open $path");
        throw new Refusal(500, 'the orders cannot be read');
    }
    $orders = json_decode((string) stream_get_contents($file), true) ?: [];
    $changed = $change($orders);
    if ($changed !== $orders) {
        rewind($file);
        ftruncate($file, 0);
        fwrite($file, json_encode($changed, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION));
    }

    return $changed;
}

function existing(array $orders, int $id): array
{
    return $orders[$id] ?? throw new Refusal(404, "there is no order $id");
}

function orderFields(object $body, bool $required): array
{
    $fields = [];
    if ($required || isset($body->customer)) {
        $customer = $body->customer ?? null;
        if (!is_string($customer) || trim($customer) === '') {
            throw new Refusal(422, '"customer" must be a name');
        }
        $fields['customer'] = $customer;
    }
    if ($required || isset($body->total)) {
        $total = $body->total ?? null;
        if (!is_int($total) && !is_float($total) || $total < 0) {
            throw new Refusal(422, '"total" must be a number that is not negative');
        }
        $fields['total'] = $total;
    }
    if ($fields === []) {
        throw new Refusal(422, 'nothing to change: send "customer", "total" or both');
    }

    return $fields;
}

// ---- HTTP

function requestBody(): object
{
    // A page of another site can post a form, but JSON only after a CORS preflight.
    if (!str_starts_with(strtolower($_SERVER['CONTENT_TYPE'] ?? ''), 'application/json')) {
        throw new Refusal(415, 'the body must be sent as application/json');
    }
    // As an object, so that an empty object in a payload stays an object.
    $body = json_decode((string) file_get_contents('php://input'));
    if (!is_object($body)) {
        throw new Refusal(400, 'the body must be a JSON object' . (json_last_error() ? ': ' . json_last_error_msg() : ''));
    }

    return $body;
}

/** Finds the operation for a request. */
function operation(string $method, string $path): callable
{
    $routes = [
        '/api/orders' => ['GET' => listOrders(...), 'POST' => createOrder(...)],
        '/api/orders/(\d{1,9})' => ['PATCH' => updateOrder(...), 'DELETE' => deleteOrder(...)],
        '/api/notifications' => ['POST' => notify(...)],
        '/api/events' => ['POST' => broadcast(...)],
    ];
    foreach ($routes as $pattern => $operations) {
        if (preg_match("#^$pattern\$#D", $path, $match)) {
            $operation = $operations[$method] ?? throw new Refusal(
                405,
                "$path answers to " . implode(' and ', array_keys($operations)) . ' only',
                ['Allow' => implode(', ', array_keys($operations))],
            );

            return fn () => $operation(...array_map('intval', array_slice($match, 1)));
        }
    }
    throw new Refusal(404, "nothing is at $path");
}

function characters(string $text): int
{
    // mbstring may be missing. Strings from json_decode() are UTF-8.
    return (int) preg_match_all('/./us', $text);
}

function serve(): void
{
    $headers = [];
    try {
        $path = (string) parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH);
        [$status, $body] = operation($_SERVER['REQUEST_METHOD'] ?? 'GET', $path)();
    } catch (Refusal $refusal) {
        [$status, $body, $headers] = [$refusal->status, ['error' => $refusal->getMessage()], $refusal->headers];
    } catch (Throwable $error) {
        error_log((string) $error);
        [$status, $body] = [500, ['error' => 'the server failed; its log says why']];
    }
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    foreach ($headers as $name => $value) {
        header("$name: $value");
    }
    echo json_encode($body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}

serve();
