--TEST--
What jsonSerialize() or __toString() throws reaches the caller, as with json_encode(); nothing is written
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
class Throwing implements JsonSerializable {
    public function jsonSerialize(): mixed { throw new DomainException('from jsonSerialize'); }
}
class ThrowingPath {
    public function __toString(): string { throw new DomainException('from __toString'); }
}
class Leaving implements JsonSerializable {
    public function jsonSerialize(): mixed { exit("exit() works\n"); }
}
WebSocketServer::queueEvent('', 'e');
$calls = [
    fn () => WebSocketServer::queueEvent($directory, 'e', ['a' => new Throwing]),
    fn () => WebSocketServer::queueEvent($directory, new Throwing, 1),
    fn () => WebSocketServer::queueEvent(new ThrowingPath, 'e', 1),
];
foreach ($calls as $call) {
    try {
        var_dump($call());
    } catch (DomainException $exception) {
        echo $exception->getMessage(), ', lastError() still: ', WebSocketServer::lastError(), "\n";
    }
}
var_dump(file_exists($directory));
register_shutdown_function(fn () => var_dump(file_exists($directory)));
WebSocketServer::queueEvent($directory, 'e', new Leaving);
echo "not reached\n";
?>
--EXPECT--
from jsonSerialize, lastError() still: the queue path is empty
from jsonSerialize, lastError() still: the queue path is empty
from __toString, lastError() still: the queue path is empty
bool(false)
exit() works
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
