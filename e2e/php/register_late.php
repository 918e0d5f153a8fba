<?php
// A web request whose code runs on after its end: session handlers, callbacks of headers and output, streams that PHP closes,
// destructors. All of it registers handlers and makes objects. Prints the worker's process id.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketConnection;
use FASTAPI\WebSocket\WebSocketServer;

function register(string $when): void
{
    $values = array_fill(0, 100, new ArrayObject([$when]));
    $server = WebSocketServer::getInstance();
    $server->on("/$when", fn () => $values);
    $server->on("/$when", fn () => $server);
    $server->on("/$when/object", new class ($values) {
        public function __construct(private array $values)
        {
        }

        public function __invoke(): void
        {
        }

        public function __destruct()
        {
            WebSocketServer::getInstance()->on('/destructed', fn () => $this);
        }
    });
    new WebSocketConnection(null);
    WebSocketServer::queueEvent('', $when);
    $server->host($when)->port(1)->getConnections();
    try {
        $server->start();
    } catch (Exception) {
    }
}

class LateSession implements SessionHandlerInterface
{
    public function open(string $path, string $name): bool
    {
        return true;
    }

    public function read(string $id): string
    {
        return '';
    }

    public function write(string $id, string $data): bool
    {
        register('write');

        return true;
    }

    public function close(): bool
    {
        register('close');

        return true;
    }

    public function destroy(string $id): bool
    {
        return true;
    }

    public function gc(int $max): int
    {
        return 0;
    }
}

class LateStream
{
    public $context;

    public function stream_open(): bool
    {
        return true;
    }

    public function stream_close(): void
    {
        register('stream');
    }
}

class LateDestructor
{
    public function __destruct()
    {
        register('destructor');
    }
}

stream_wrapper_register('late', LateStream::class);
$stream = fopen('late://', 'w');
header_register_callback(fn () => register('headers'));
ob_start(function (string $text) {
    register('output');

    return $text;
});
register_shutdown_function(fn () => register('shutdown'));
session_set_save_handler(new LateSession(), false);
session_start(['use_cookies' => 0, 'cache_limiter' => '']);
$_SESSION['something'] = 'to write';
$late = new LateDestructor();
register('request');
echo WebSocketServer::lastError(), ', ', getmypid(), "\n";
