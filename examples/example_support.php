<?php
// What these examples need besides events: JSON requests and answers, users in a PHP session, data in a file. Your framework
// has all of this. These variables configure it:
//
//   EVENT_QUEUE_PATH    the queue directory (default: fastapi_websocket.path of php.ini)
//   TOKEN_SECRET_FILE   a file with the secret that tokens are signed with; the broadcaster gets the same file as
//                       token_secret_file, or TOKEN_SECRET, the secret itself
//   WEBSOCKET_PORT      the broadcaster's port, for pages (default: 8081)
//   WEBSOCKET_PATH      instead of the port: a path of the page's own address, where a proxy passes it on
//   EXAMPLE_DATA        a directory for the data (default: the system's directory for temporary files)

declare(strict_types=1);

require_once __DIR__ . '/client_files.php';

/** An error answer. */
final class Refusal extends Exception
{
    public function __construct(public readonly int $status, string $message)
    {
        parent::__construct($message);
    }
}

// ---- Users

/** The user of this request, by the PHP session. */
function currentUser(): ?string
{
    if (!isset($_COOKIE[session_name()])) {
        return null;
    }
    startSession(['read_and_close' => true]);

    return $_SESSION['user'] ?? null;
}

/** The same, where nobody may be without a login. */
function requireUser(): string
{
    return currentUser() ?? throw new Refusal(401, 'log in first');
}

/** Your application checks a password before. */
function beginSession(string $user): void
{
    startSession();
    // A session that somebody else has planted in this browser does not become the user's.
    session_regenerate_id(true);
    $_SESSION['user'] = $user;
}

/** The operation "POST logout" of the examples with users. */
function logout(): array
{
    startSession();
    $_SESSION = [];
    session_destroy();

    return [200, ['user' => null]];
}

function startSession(array $options = []): void
{
    // The session is one of the folder that the page is in, so that two users can be logged in side by side.
    session_start($options + [
        'cookie_path' => basePath(),
        'cookie_httponly' => true,
        'cookie_samesite' => 'Lax',
        'cookie_secure' => ($_SERVER['HTTPS'] ?? '') === 'on',
        'use_strict_mode' => true,
    ]);
}

// ---- Tokens and the queue

function tokenSecret(): string
{
    $file = getenv('TOKEN_SECRET_FILE');
    $secret = $file ? @file_get_contents($file) : getenv('TOKEN_SECRET');
    if ($secret === false || trim($secret) === '') {
        error_log('there is no secret for tokens: set TOKEN_SECRET_FILE or TOKEN_SECRET');
        throw new Refusal(500, 'tokens cannot be made; the log says why');
    }

    // The broadcaster reads the file in the same way.
    return rtrim($secret, "\r\n");
}

function eventQueue(): FASTAPI\WebSocket\EventQueue
{
    return new FASTAPI\WebSocket\EventQueue(getenv('EVENT_QUEUE_PATH') ?: null);
}

/** Publishes what is to be told of a change that was already made. It remains also if nothing can be queued: that is logged. */
function tellClients(callable $publish): bool
{
    try {
        $publish(eventQueue());
    } catch (FASTAPI\WebSocket\QueueException $exception) {
        error_log('nothing was queued: ' . $exception->getMessage());

        return false;
    }

    return true;
}

// ---- Data, in a file; a real application has a database here

/** Reads what is stored under a name, lets it be changed, writes it: one request at a time. */
function stored(string $name, ?callable $change = null): array
{
    $path = (getenv('EXAMPLE_DATA') ?: sys_get_temp_dir()) . "/fastapi-example-$name.json";
    $file = @fopen($path, 'c+');
    if ($file === false || !flock($file, LOCK_EX)) {
        error_log("cannot open $path");
        throw new Refusal(500, 'the data cannot be read; the log says why');
    }
    $data = json_decode((string) stream_get_contents($file), true) ?: [];
    if ($change !== null) {
        $data = $change($data);
        // Before the file is emptied: what cannot be encoded must not cost what is stored.
        $json = json_encode($data, JSON_THROW_ON_ERROR);
        rewind($file);
        ftruncate($file, 0);
        fwrite($file, $json);
    }

    return $data;
}

// ---- HTTP

/** The folder of the page: what stands before `api/` in the path. */
function basePath(): string
{
    return explode('api/', requestPath())[0];
}

function requestPath(): string
{
    return (string) parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH);
}

/** The body of a request, which must be a JSON object. */
function requestBody(): array
{
    // A page of another site can post a form, but JSON only after a CORS preflight.
    if (!str_starts_with(strtolower($_SERVER['CONTENT_TYPE'] ?? ''), 'application/json')) {
        throw new Refusal(415, 'the body must be sent as application/json');
    }
    $body = json_decode((string) file_get_contents('php://input'), true);

    return is_array($body) ? $body : throw new Refusal(400, 'the body must be a JSON object');
}

/** A text of the body. */
function requiredText(array $body, string $key, int $longest = 500): string
{
    $text = $body[$key] ?? null;
    if (!is_string($text) || trim($text) === '' || strlen($text) > $longest) {
        throw new Refusal(422, "\"$key\" must be a text of 1 to $longest bytes");
    }

    return $text;
}

/** Answers a request: `$routes` has a function for each "METHOD pattern", where the pattern is one of what follows `api/`. */
function serveApi(array $routes): void
{
    try {
        [, $path] = explode('api/', requestPath(), 2) + [1 => ''];
        [$status, $body] = routeOf($routes, $_SERVER['REQUEST_METHOD'] ?? 'GET', $path)();
    } catch (Refusal $refusal) {
        [$status, $body] = [$refusal->status, ['error' => $refusal->getMessage()]];
    } catch (Throwable $error) {
        error_log((string) $error);
        [$status, $body] = [500, ['error' => 'the server failed; its log says why']];
    }
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode($body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}

function routeOf(array $routes, string $method, string $path): callable
{
    foreach ($routes as $route => $operation) {
        [$routeMethod, $pattern] = explode(' ', $route);
        if ($method === $routeMethod && preg_match("#^$pattern\$#D", $path, $match)) {
            return fn () => $operation(...array_slice($match, 1));
        }
    }
    throw new Refusal(404, "nothing answers $method api/$path");
}

/** Serves the page of an example, and what belongs to it. False: the request is one of the API. */
function servePage(string $page): bool
{
    if (serveClientFile(requestPath())) {
        return true;
    }
    $files = [
        '' => ['text/html; charset=utf-8', $page],
        'example_pages.js' => ['text/javascript', 'example_pages.js'],
        'example_pages.css' => ['text/css', 'example_pages.css'],
    ];
    $name = str_ends_with(requestPath(), '/') ? '' : basename(requestPath());
    if (str_contains(requestPath(), 'api/') || !isset($files[$name]) && $name !== 'config.json') {
        return false;
    }
    header('Cache-Control: no-store');
    header("Content-Security-Policy: default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self'; img-src data:; "
        . "connect-src 'self' http: https: ws: wss:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
    if ($name === 'config.json') {
        header('Content-Type: application/json');
        echo json_encode(['websocketUrl' => websocketUrl()]), "\n";
    } else {
        header("Content-Type: {$files[$name][0]}");
        readfile(__DIR__ . "/{$files[$name][1]}");
    }

    return true;
}

/** The broadcaster for a page: on the host by which the browser knows this machine. With TLS it is wss:// and your proxy's path. */
function websocketUrl(): string
{
    $authority = $_SERVER['HTTP_HOST'] ?? '127.0.0.1';
    $path = getenv('WEBSOCKET_PATH');
    if ($path) {
        return "ws://$authority$path";
    }
    $host = parse_url("http://$authority", PHP_URL_HOST) ?: '127.0.0.1';

    return "ws://$host:" . (getenv('WEBSOCKET_PORT') ?: '8081') . '/';
}
