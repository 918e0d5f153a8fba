<?php
// A site whose pages use pusher-js or Laravel Echo: it logs users in, signs for them as Laravel's routes do, and
// publishes through the queue. Its environment names the queue, and the port and the application of the broadcaster.

declare(strict_types=1);

use FASTAPI\WebSocket\EventQueue;

const MODULES = __DIR__ . '/../pusher/node_modules/';
const SCRIPTS = [
    '/pusher.js' => MODULES . 'pusher-js/dist/web/pusher-with-encryption.js',
    '/echo.js' => MODULES . 'laravel-echo/dist/echo.iife.js',
];

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (isset(SCRIPTS[$path])) {
    header('Content-Type: text/javascript');
    readfile(SCRIPTS[$path]);
    return;
}

session_start();
match ($path) {
    '/' => page(),
    '/login' => answer(['user' => $_SESSION['user'] = $_GET['user']]),
    '/broadcasting/auth' => authorize($_POST['socket_id'], $_POST['channel_name'], $_SESSION['user'] ?? null),
    '/broadcasting/user-auth' => authenticate($_POST['socket_id'], $_SESSION['user'] ?? null),
    '/publish' => publish(json_decode(file_get_contents('php://input'), true, flags: JSON_THROW_ON_ERROR)),
    default => http_response_code(404),
};

function answer(array $value): void
{
    header('Content-Type: application/json');
    echo json_encode($value, JSON_THROW_ON_ERROR);
}

/** Users may read what is theirs, and rooms. */
function authorize(string $socket, string $channel, ?string $user): void
{
    if ($user === null || (str_starts_with($channel, 'private-user.') && $channel !== "private-user.$user")) {
        http_response_code(403);
        return;
    }
    $data = ['user_id' => $user, 'user_info' => ['name' => ucfirst($user)]];
    $more = str_starts_with($channel, 'presence-') ? ['channel_data' => json_encode($data, JSON_THROW_ON_ERROR)] : [];
    answer(['auth' => signed(implode(':', [$socket, $channel, ...array_values($more)]))] + $more);
}

function authenticate(string $socket, ?string $user): void
{
    if ($user === null) {
        http_response_code(403);
        return;
    }
    $data = json_encode(['id' => $user, 'name' => ucfirst($user)], JSON_THROW_ON_ERROR);
    answer(['auth' => signed("$socket::user::$data"), 'user_data' => $data]);
}

function signed(string $text): string
{
    return getenv('PUSHER_KEY') . ':' . hash_hmac('sha256', $text, getenv('PUSHER_SECRET'));
}

/** With toOthers() the page names its connection in a header, as with Laravel. */
function publish(array $event): void
{
    $queue = new EventQueue(getenv('EVENT_QUEUE_PATH'));
    $except = $_SERVER['HTTP_X_SOCKET_ID'] ?? null;
    answer(['uid' => $queue->publish($event['event'], $event['payload'], $event['channel'], except: $except)]);
}

function page(): void
{
    $options = json_encode([
        'broadcaster' => 'pusher',
        'key' => getenv('PUSHER_KEY'),
        'cluster' => '',
        'wsHost' => $_SERVER['SERVER_NAME'],
        'wsPort' => (int) getenv('WEBSOCKET_PORT'),
        'forceTLS' => false,
        'enabledTransports' => ['ws'],
        'userAuthentication' => ['endpoint' => '/broadcasting/user-auth'],
    ], JSON_THROW_ON_ERROR);
    echo <<<HTML
        <!doctype html>
        <title>A site with Echo</title>
        <link rel="icon" href="data:,">
        <script src="/pusher.js"></script>
        <script src="/echo.js"></script>
        <script>
            // What the page got, as texts, for the tests.
            const got = [];
            const notes = (what) => (value) => got.push(what + ' ' + JSON.stringify(value));
            let site;
            const start = async (user) => {
                if (user) await fetch('/login?user=' + user);
                site = new Echo.default($options);
            };
            const isConnected = () => site?.connector.pusher.connection.state === 'connected';
            const isSubscribed = (name) => site.connector.channels[name]?.subscription.subscribed === true;
            const publish = (channel, event, payload, headers = {}) =>
                fetch('/publish', { method: 'POST', headers, body: JSON.stringify({ channel, event, payload }) })
                    .then(({ status }) => status);
        </script>
        HTML;
}
