<?php
// What `make run` serves, as the router of PHP's built-in server (see `run`): the page that users try first, the address of
// the broadcaster for it, and the API of api_with_websocket_queue.php that its buttons call.

declare(strict_types=1);

/** The address of the broadcaster, with the host name that the browser uses for this machine. */
function websocketUrl(): string
{
    $host = parse_url('http://' . ($_SERVER['HTTP_HOST'] ?? '127.0.0.1'), PHP_URL_HOST) ?: '127.0.0.1';

    return "ws://$host:" . getenv('WEBSOCKET_PORT') . '/';
}

function servePage(): void
{
    header('Content-Type: text/html; charset=utf-8');
    header("Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        . "img-src data:; connect-src 'self' ws: wss:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
    readfile(__DIR__ . '/websocket_client_test.html');
}

function serveConfig(): void
{
    header('Content-Type: application/json');
    echo json_encode(['websocketUrl' => websocketUrl()]), "\n";
}

$page = [
    '/' => servePage(...),
    '/config.json' => serveConfig(...),
][parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)] ?? null;

if ($page !== null && in_array($_SERVER['REQUEST_METHOD'], ['GET', 'HEAD'], true)) {
    header('Cache-Control: no-store');
    $page();
} else {
    // Also answers all other requests.
    require __DIR__ . '/api_with_websocket_queue.php';
}
