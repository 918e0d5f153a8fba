<?php
// A site for the JavaScript of the documents: the scripts that it imports, the addresses that it asks, and a page that
// notes what happens. Its environment names the queue, the secret of tokens, and an application of the Pusher protocol.

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

const PACKAGES = __DIR__ . '/../../packages/';
const MODULES = __DIR__ . '/../pusher/node_modules/';
const USER = '42';
const CHANNELS = ['orders', 'news', 'shop.prices', 'room.lobby', 'private-user.42', '#server-to-user-42'];
const EVENTS = ['order.created', 'order.updated', 'order.paid', 'App\Events\OrderPaid'];
/** What the test looks for. */
const PAYLOAD = ['id' => 4711, 'status' => 'new'];

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
match (true) {
    $path === '/' => page(),
    $path === '/pusher.js' => script(MODULES . 'pusher-js/dist/web/pusher.js'),
    $path === '/modules/laravel-echo.js' => script(MODULES . 'laravel-echo/dist/echo.js'),
    str_starts_with($path, '/fastapi-client/src/') => script(PACKAGES . 'client/src/' . basename($path)),
    $path === '/api/orders' => answer([]),
    in_array($path, ['/api/token', '/realtime-token'], true) => answer(['token' => token()]),
    $path === '/token' => print token(),
    str_starts_with($path, '/broadcasting/auth') => authorize($_POST['socket_id'], $_POST['channel_name'] ?? null),
    $path === '/publish' => publish(),
    default => http_response_code(404),
};

function script(string $file): void
{
    header('Content-Type: text/javascript');
    readfile($file);
}

function answer(array $value): void
{
    header('Content-Type: application/json');
    echo json_encode($value, JSON_THROW_ON_ERROR);
}

function token(): string
{
    $secret = rtrim(file_get_contents(getenv('TOKEN_SECRET_FILE')), "\r\n");
    return AccessToken::create($secret, USER, ['private-user.' . USER], allow: ['everybody', '*'], ttl: 600);
}

/** The route of pusher-js and Echo: for a channel, or for a user who signs in. */
function authorize(string $socket, ?string $channel): void
{
    $sign = fn (string $text) => getenv('PUSHER_KEY') . ':' . hash_hmac('sha256', $text, getenv('PUSHER_SECRET'));
    $user = json_encode(['id' => USER], JSON_THROW_ON_ERROR);
    $member = json_encode(['user_id' => USER], JSON_THROW_ON_ERROR);
    answer(match (true) {
        $channel === null => ['auth' => $sign("$socket::user::$user"), 'user_data' => $user],
        str_starts_with($channel, 'presence-') => ['auth' => $sign("$socket:$channel:$member"), 'channel_data' => $member],
        default => ['auth' => $sign("$socket:$channel")],
    });
}

/** Every event of the documents, for everybody and for each channel. */
function publish(): void
{
    $queue = new EventQueue(getenv('EVENT_QUEUE_PATH'));
    foreach (EVENTS as $event) {
        foreach ([null, ...CHANNELS] as $channel) {
            $queue->publish($event, PAYLOAD, channel: $channel);
        }
    }
    answer(['published' => true]);
}

function page(): void
{
    $after = json_encode(EventQueue::now(), JSON_THROW_ON_ERROR);
    echo <<<HTML
        <!doctype html>
        <title>A document</title>
        <link rel="icon" href="data:,">
        <script type="importmap">
            {"imports": {"laravel-echo": "/modules/laravel-echo.js", "pusher-js": "data:text/javascript,export default Pusher"}}
        </script>
        <script src="/pusher.js"></script>
        <script>
            const after = $after;
            const site = { received: [], logged: [], complaints: [], fetch: window.fetch.bind(window) };
            site.publish = () => site.fetch('/publish').then(({ ok }) => ok);
            const note = (list) => (...values) => { list.push(values.map((value) => JSON.stringify(value)).join(' ')); };
            console.log = note(site.logged);
            console.warn = console.error = note(site.complaints);
            // What a connection brings is noted, too: not every script prints it.
            for (const name of ['WebSocket', 'EventSource']) {
                window[name] = class extends window[name] {
                    constructor(...values) {
                        super(...values);
                        this.addEventListener('message', ({ data }) => {
                            if (data.includes('4711')) site.received.push(data);
                        });
                    }
                };
            }
        </script>
        HTML;
}
