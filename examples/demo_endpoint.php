<?php
// What `make run` serves, as the router of PHP's built-in server (see `run`): the page that users try first, the address
// of the broadcaster for it and how many clients that has, and the APIs that its buttons call: that of
// api_with_websocket_queue.php, and those of order_dashboard.php and chat_rooms.php below one/ and two/. These are as two
// browsers: each has a PHP session of its own, because the cookie of a session is for one folder.

declare(strict_types=1);

require_once __DIR__ . '/client_files.php';

/** The address of the broadcaster, with the host name that the browser uses for this machine. */
function demoWebsocketUrl(): string
{
    $host = parse_url('http://' . ($_SERVER['HTTP_HOST'] ?? '127.0.0.1'), PHP_URL_HOST) ?: '127.0.0.1';

    return "ws://$host:" . getenv('WEBSOCKET_PORT') . '/';
}

function serveDemo(): void
{
    header('Content-Type: text/html; charset=utf-8');
    header("Content-Security-Policy: default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; "
        . "img-src data:; connect-src 'self' http: https: ws: wss:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
    readfile(__DIR__ . '/websocket_client_test.html');
}

function serveConfig(): void
{
    header('Content-Type: application/json');
    echo json_encode(['websocketUrl' => demoWebsocketUrl()]), "\n";
}

/** How many clients are connected. Only operators are told, so the page asks here, and PHP the broadcaster. */
function serveClients(): void
{
    $context = stream_context_create(['http' => ['timeout' => 1]]);
    $status = @file_get_contents('http://' . getenv('ADMIN_ADDRESS') . '/status.json', context: $context);
    $connections = json_decode((string) $status)->connections ?? null;
    header('Content-Type: application/json');
    if ($connections === null) {
        http_response_code(503);
        echo json_encode(['error' => 'the broadcaster does not tell how many clients it has']), "\n";
    } else {
        echo json_encode(['clients' => array_sum((array) $connections)]), "\n";
    }
}

// parse_url() takes //name/ for a host. As an address of the page, its link to a second window would lead there.
$path = explode('?', $_SERVER['REQUEST_URI'], 2)[0];
$page = [
    '/' => serveDemo(...),
    '/config.json' => serveConfig(...),
    '/clients.json' => serveClients(...),
][$path] ?? null;

if ($page !== null && in_array($_SERVER['REQUEST_METHOD'], ['GET', 'HEAD'], true)) {
    header('Cache-Control: no-store');
    $page();
} elseif (serveClientFile($path)) {
    // Served.
} elseif (preg_match('#^/(one|two)/api/(rooms/)?#', $path, $match)) {
    require __DIR__ . (isset($match[2]) ? '/chat_rooms.php' : '/order_dashboard.php');
} else {
    // Also answers all other requests.
    require __DIR__ . '/api_with_websocket_queue.php';
}
