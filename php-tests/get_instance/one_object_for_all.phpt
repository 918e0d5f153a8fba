--TEST--
getInstance() gives one object, which can be neither constructed, cloned nor unserialized; setters return it
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
namespace FASTAPI {
    class App { public function __destruct() { echo "app freed\n"; } }
}
namespace {
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

function attempt(callable $call): void
{
    try {
        var_dump($call());
    } catch (Throwable $error) {
        echo get_class($error), ': ', message_of($error), "\n";
    }
}

$server = WebSocketServer::getInstance(new FASTAPI\App);
var_dump($server === WebSocketServer::getInstance(), $server === WebSocketServer::getInstance(null), $server === WebSocketServer::getInstance(app: new stdClass));
class Sub extends WebSocketServer {}
var_dump(Sub::getInstance() === $server);
attempt(fn () => new WebSocketServer);
attempt(fn () => new Sub);
attempt(fn () => clone $server);
attempt(fn () => unserialize('O:33:"FASTAPI\WebSocket\WebSocketServer":0:{}'));
attempt(fn () => WebSocketServer::getInstance('app'));
var_dump($server->host('127.0.0.1') === $server, $server->port(1) === $server, $server->port(port: '8080') === $server);
var_dump($server->on('/', fn () => 1) === $server, $server->on(handler: 'strlen', path: '/x') === $server);
attempt(fn () => $server->on('/', 'no_such_function'));
attempt(fn () => $server->on('/'));
attempt(fn () => $server->on([], 'strlen'));
attempt(fn () => $server->port());
attempt(fn () => $server->host([]));
var_dump($server->isRunning(), $server->stop(), $server->getConnectionCount(), $server->getConnections(), $server->broadcast('nobody hears it'));
echo "end\n";
}
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
Error: Call to private FASTAPI\WebSocket\WebSocketServer::__construct() from global scope
Error: Call to private FASTAPI\WebSocket\WebSocketServer::__construct() from global scope
Error: Call to private FASTAPI\WebSocket\WebSocketServer::__clone() from global scope
Exception: Cannot unserialize a singleton.
TypeError: FASTAPI\WebSocket\WebSocketServer::getInstance(): Argument #1 ($app) must be of type ?FASTAPI\App, string given
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
TypeError: FASTAPI\WebSocket\WebSocketServer::on(): Argument #2 ($handler) must be of type callable, string given
ArgumentCountError: FASTAPI\WebSocket\WebSocketServer::on() expects exactly 2 arguments, 1 given
TypeError: FASTAPI\WebSocket\WebSocketServer::on(): Argument #1 ($path) must be of type string, array given
ArgumentCountError: FASTAPI\WebSocket\WebSocketServer::port() expects exactly 1 argument, 0 given
TypeError: FASTAPI\WebSocket\WebSocketServer::host(): Argument #1 ($host) must be of type string, array given
bool(false)
NULL
int(0)
array(0) {
}
NULL
end
app freed
