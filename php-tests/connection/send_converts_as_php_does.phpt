--TEST--
send() takes what PHP converts to a string and refuses other values; sendBinary() takes any bytes
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    class Text { public function __toString(): string { return 'converted'; } }
    class Bad { public function __toString(): string { throw new DomainException('thrown'); } }
    $server->on('/', function ($connection) {
        foreach (['text', '', 5, 1.5, true, null, false, new Text, "é\0x", "\xff", [], new stdClass, new Bad] as $value) {
            try {
                echo json_encode($connection->send($value)), "\n";
            } catch (Throwable $error) {
                echo get_class($error), ': ', $error->getMessage(), "\n";
            }
        }
        try {
            $connection->send();
        } catch (ArgumentCountError $error) {
            echo $error->getMessage(), "\n";
        }
        var_dump($connection->sendBinary("\xff\0"), $connection->send(message: 'named'), $connection->send('extra', 1, 2));
        foreach ([125, 126, 65535, 65536] as $length) {
            $connection->send(str_repeat('x', $length));
        }
        $connection->close();
    });
    PHP);
$client = $server->connect('/');
while (true) {
    [$kind, $payload] = $client->receive();
    echo $kind, ' ', strlen($payload) > 20 ? strlen($payload) . ' bytes' : ($kind === 'text' ? json_encode($payload) : bin2hex($payload)), "\n";
    if ($kind === 'close') {
        break;
    }
}
echo $server->stop();
?>
--EXPECTF--
text "text"
text ""
text "5"
text "1.5"
text "1"
text ""
text ""
text "converted"
text "\u00e9\u0000x"
binary ff00
text "named"
text "extra"
text 125 bytes
text 126 bytes
text 65535 bytes
text 65536 bytes
close 03e8
true
true
true
true
true
true
true
true
true

Warning: FASTAPI\WebSocket\WebSocketConnection::send(): the message is not valid UTF-8 and was not sent: sendBinary() sends any bytes in SCRIPT on line %d
false
TypeError: FASTAPI\WebSocket\WebSocketConnection::send(): Argument #1 ($message) must be of type string, array given
TypeError: FASTAPI\WebSocket\WebSocketConnection::send(): Argument #1 ($message) must be of type string, stdClass given
DomainException: thrown
FASTAPI\WebSocket\WebSocketConnection::send() expects exactly 1 argument, 0 given
bool(true)
bool(true)
bool(true)
