--TEST--
An exception or error in a handler is reported as PHP does, and ends only that handler
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/throw', function ($connection) {
        $connection->send('before');
        $connection->read();
        throw new DomainException('thrown', 3, new LogicException('cause'));
    });
    $server->on('/error', function ($connection) { undefined_function(); });
    $server->on('/type', function (int $connection) {});
    $server->on('/echo', function ($connection) {
        while (($message = $connection->read()) !== null) $connection->send($message);
    });
    PHP);
$echo = $server->connect('/echo');
$throw = $server->connect('/throw');
echo $throw->read(), "\n";
$throw->send('go');
$server->waitFor('  thrown in');
// The connection stays.
$throw->send('{"event":"alive"}');
echo substr($throw->read(), 0, 16), "\n";
$server->connect('/error')->close();
$server->connect('/type')->close();
$echo->read();
$echo->send('still there');
echo $echo->read(), "\n";
echo $server->stop();
?>
--EXPECTF--
before
{"event":"alive"
still there

Warning: Uncaught LogicException: cause in SCRIPT:%d
Stack trace:
#0 [internal function]: {closure}(Object(FASTAPI\WebSocket\WebSocketConnection))
#1 [internal function]: Fiber->%s
#2 SCRIPT(%d): FASTAPI\WebSocket\WebSocketServer->start()
#3 {main}

Next DomainException: thrown in SCRIPT:%d
Stack trace:
#0 [internal function]: {closure}(Object(FASTAPI\WebSocket\WebSocketConnection))
#1 [internal function]: Fiber->%s
#2 SCRIPT(%d): FASTAPI\WebSocket\WebSocketServer->start()
#3 {main}
  thrown in SCRIPT on line %d

Warning: Uncaught Error: Call to undefined function undefined_function() in SCRIPT:%d
Stack trace:
#0 %s
#1 [internal function]: Fiber->start(Object(FASTAPI\WebSocket\WebSocketConnection))
#2 SCRIPT(%d): FASTAPI\WebSocket\WebSocketServer->start()
#3 {main}
  thrown in SCRIPT on line %d

Warning: Uncaught TypeError: {closure}(): Argument #1 ($connection) must be of type int, FASTAPI\WebSocket\WebSocketConnection given in SCRIPT:%d
Stack trace:
#0 %s
#1 [internal function]: Fiber->start(Object(FASTAPI\WebSocket\WebSocketConnection))
#2 SCRIPT(%d): FASTAPI\WebSocket\WebSocketServer->start()
#3 {main}
  thrown in SCRIPT on line %d
