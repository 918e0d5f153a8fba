--TEST--
A path with a handler is plain unless the client asks for fastapi.v1; then commands go to the server, the rest to the handler
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/channels.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$server = new ServerProcess('
    $server->eventQueue(' . var_export($directory, true) . ');
    $server->on("/chat", function ($connection) {
        $connection->send("hello " . $connection->getPath());
        while (($message = $connection->read()) !== null) {
            $connection->send(($connection->isBinary() ? "binary " : "read ") . $message);
        }
    });
');
$queue = new EventQueue($directory);

// Its query is the handler\'s, also where no name of a channel could look so.
$plain = $server->connect('/chat?channel=a*b&everybody=x&token=y&after=z');
echo receive($plain), "\n";
$plain->send('{"type":"subscribe","channel":"orders"}');
echo $plain->read(), "\n";
$plain = $server->connect('/chat?channel=orders');
echo receive($plain), "\n";

$native = $server->connect('/chat?channel=orders', [NATIVE]);
echo receive($native), "\n", receive($native), "\n";
foreach (['{"type":"ping","ref":"r"}', '{"type":"paint"}', '{"event":"mine"}', '{"a":1}', '["type"]', 'text'] as $message) {
    $native->send($message);
    echo '  ', receive($native), "\n";
}
$native->frame('{"type":"ping"}', 'binary');
echo '  ', receive($native), "\n";

$queue->publish('paid', 7, channel: 'orders');
$queue->publish('all');
echo receive($native), "\n", receive($native), "\n", receive($plain), "\n";
echo $server->stop();
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
hello /chat?channel=a*b&everybody=x&token=y&after=z
read {"type":"subscribe","channel":"orders"}
hello /chat?channel=orders
{"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":["orders"],"id":"ID"}
hello /chat?channel=orders
  {"type":"pong","ref":"r","id":"ID"}
  {"type":"error","code":107,"message":"type must be subscribe, unsubscribe, authenticate, presence or ping"}
  read {"event":"mine"}
  read {"a":1}
  read ["type"]
  read text
  binary {"type":"ping"}
{"event":"paid","payload":7,"timestamp":"TIMESTAMP","id":"ID","channel":"orders"}
{"event":"all","payload":null,"timestamp":"TIMESTAMP","id":"ID"}
{"event":"all","payload":null,"timestamp":"TIMESTAMP"}
