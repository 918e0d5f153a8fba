--TEST--
A connection that the script constructs is not connected, and none of its methods fails
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
use FASTAPI\WebSocket\WebSocketConnection;
class Mock extends WebSocketConnection
{
    public array $sent = [];
    public function __construct() {}
    public function send($message) { $this->sent[] = $message; return true; }
    public function isConnected() { return true; }
}
foreach ([new WebSocketConnection(null), new WebSocketConnection(STDIN), new WebSocketConnection('x', 'more'), new WebSocketConnection(socket: null)] as $connection) {
    echo json_encode([$connection->handshake(), $connection->read(), $connection->send('x'), $connection->sendBinary("\xff"), $connection->close(),
        $connection->close(), $connection->isConnected(), $connection->getPath(), $connection->getHeaders(), $connection->getHeader('Host'),
        $connection->isBinary()]), "\n";
}
$mock = new Mock;
var_dump($mock->send('hello'), $mock->sent, $mock->isConnected(), $mock->getPath(), $mock->read());
$clone = clone $mock;
var_dump($clone == $mock, $clone->sent, get_class($clone));
$reflected = (new ReflectionClass(WebSocketConnection::class))->newInstanceWithoutConstructor();
var_dump($reflected->isConnected(), $reflected->read());
try {
    new WebSocketConnection;
} catch (ArgumentCountError $error) {
    echo $error->getMessage(), "\n";
}
try {
    serialize($connection);
} catch (Exception $exception) {
    echo $exception->getMessage(), "\n";
}
?>
--EXPECT--
[false,null,false,false,null,null,false,"\/",[],null,false]
[false,null,false,false,null,null,false,"\/",[],null,false]
[false,null,false,false,null,null,false,"\/",[],null,false]
[false,null,false,false,null,null,false,"\/",[],null,false]
bool(true)
array(1) {
  [0]=>
  string(5) "hello"
}
bool(true)
string(1) "/"
NULL
bool(true)
array(1) {
  [0]=>
  string(5) "hello"
}
string(4) "Mock"
bool(false)
NULL
FASTAPI\WebSocket\WebSocketConnection::__construct() expects exactly 1 argument, 0 given
Serialization of 'FASTAPI\WebSocket\WebSocketConnection' is not allowed
