--TEST--
start() throws when it cannot listen on the address; the cause is the previous exception
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
use FASTAPI\WebSocket\WebSocketServer;

function attempt(string $host, mixed $port): void
{
    try {
        WebSocketServer::getInstance()->host($host)->port($port)->start();
    } catch (Throwable $exception) {
        echo get_class($exception), ': ', preg_replace('/:\d{4,5}$/', ':PORT', $exception->getMessage()), "\n";
        echo '  ', $exception->getPrevious()?->getMessage(), "\n";
    }
    var_dump(WebSocketServer::getInstance()->isRunning());
}

$taken = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($taken, false), ':'), 1);
attempt('127.0.0.1', $port);
attempt('127.0.0.1', "$port");
attempt('192.0.2.1', $port);
attempt('127.0.0.1', 70000);
attempt('127.0.0.1', -1);
attempt('127.0.0.1', 'eighty');
?>
--EXPECT--
Exception: Failed to bind WebSocket to 127.0.0.1:PORT
  Address already in use (os error 98)
bool(false)
Exception: Failed to bind WebSocket to 127.0.0.1:PORT
  Address already in use (os error 98)
bool(false)
Exception: Failed to bind WebSocket to 192.0.2.1:PORT
  Cannot assign requested address (os error 99)
bool(false)
Exception: Failed to bind WebSocket to 127.0.0.1:PORT
  the port must be a number from 0 to 65535
bool(false)
Exception: Failed to bind WebSocket to 127.0.0.1:-1
  the port must be a number from 0 to 65535
bool(false)
Exception: Failed to bind WebSocket to 127.0.0.1:eighty
  the port must be a number from 0 to 65535
bool(false)
