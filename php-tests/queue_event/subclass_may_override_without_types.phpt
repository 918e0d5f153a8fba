--TEST--
A subclass overrides queueEvent without types, and every way to call it works
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
class Loud extends WebSocketServer {
    public static function queueEvent($queuePath, $event, $payload = null)
    {
        echo "Loud ";
        return parent::queueEvent($queuePath, $event, $payload);
    }
}
class More extends WebSocketServer {
    public static function queueEvent($path, $name, $payload = null, $extra = 1) { return 'anything'; }
}
class Quiet extends WebSocketServer {
    public function __construct() {}
    public function call($directory) { return [self::queueEvent($directory, 'e', 'self'), static::queueEvent($directory, 'e', 'static')]; }
}

var_dump(Loud::queueEvent($directory, 'e', 'overridden'));
var_dump(More::queueEvent(1, 2));
var_dump(Quiet::queueEvent($directory, 'e', 'through a subclass'));
var_dump(call_user_func([WebSocketServer::class, 'queueEvent'], $directory, 'e', 'call_user_func'));
var_dump(call_user_func('FASTAPI\WebSocket\WebSocketServer::queueEvent', $directory, 'e', 'by name'));
var_dump(call_user_func_array([Quiet::class, 'queueEvent'], ['queuePath' => $directory, 'event' => 'e', 'payload' => 'named']));
$quiet = new Quiet;
var_dump($quiet->queueEvent($directory, 'e', 'arrow'), $quiet::queueEvent($directory, 'e', 'colons'));
var_dump($quiet->call($directory));
$callable = WebSocketServer::queueEvent(...);
var_dump($callable($directory, 'e', 'first-class'));
var_dump((new ReflectionMethod(WebSocketServer::class, 'queueEvent'))->invoke(null, $directory, 'e', 'reflection'));
var_dump(array_map(WebSocketServer::queueEvent(...), [$directory], ['e'], ['array_map']));
var_dump(\fastapi\websocket\websocketserver::QUEUEEVENT($directory, 'e', 'any case'));
foreach (entries($directory) as $entry) {
    echo payload_bytes($entry), "\n";
}
?>
--EXPECT--
Loud bool(true)
string(8) "anything"
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
array(2) {
  [0]=>
  bool(true)
  [1]=>
  bool(true)
}
bool(true)
bool(true)
array(1) {
  [0]=>
  bool(true)
}
bool(true)
"overridden"
"through a subclass"
"call_user_func"
"by name"
"named"
"arrow"
"colons"
"self"
"static"
"first-class"
"reflection"
"array_map"
"any case"
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
