--TEST--
broadcast() reaches every client with json_encode()'s bytes and the time; what cannot be encoded is a warning
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->broadcast('before the start');
    class Value implements JsonSerializable { public function jsonSerialize(): mixed { return ['é/', 1.5]; } }
    class Bad implements JsonSerializable { public function jsonSerialize(): mixed { throw new DomainException('thrown'); } }
    $server->on('/', function ($connection) use ($server) {
        $connection->send('first');
        var_dump($server->broadcast('event', new Value), $server->broadcast('no payload'), $server->broadcast(payload: 1, event: 'named'));
        $server->broadcast('bad', NAN);
        $server->broadcast(['x']);
        try {
            $server->broadcast('bad', new Bad);
        } catch (DomainException $exception) {
            echo $exception->getMessage(), "\n";
        }
        $connection->send('last');
    });
    PHP);
$idle = $server->connect('/idle');
$client = $server->connect('/');
foreach ([$client, $idle] as $receiver) {
    for ($i = 0; $i < ($receiver === $client ? 5 : 3); $i++) {
        $message = $receiver->read();
        $time = json_decode($message)->timestamp ?? time();
        echo str_replace($time, 'TIME', $message), abs($time - time()) < 5 ? '' : ' at the wrong time', "\n";
    }
}
echo $server->stop();
?>
--EXPECTF--
first
{"event":"event","payload":["\u00e9\/",1.5],"timestamp":TIME}
{"event":"no payload","payload":null,"timestamp":TIME}
{"event":"named","payload":1,"timestamp":TIME}
last
{"event":"event","payload":["\u00e9\/",1.5],"timestamp":TIME}
{"event":"no payload","payload":null,"timestamp":TIME}
{"event":"named","payload":1,"timestamp":TIME}
NULL
NULL
NULL

Warning: FASTAPI\WebSocket\WebSocketServer::broadcast(): nothing was sent: the payload cannot be encoded as JSON: Inf and NaN cannot be JSON encoded in SCRIPT on line %d

Warning: FASTAPI\WebSocket\WebSocketServer::broadcast(): nothing was sent: the event name must be a string, got array in SCRIPT on line %d
thrown
