--TEST--
Clients get the events of their channels, natively and by URL; broadcast() and relayed events reach no channel
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/channels.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$server = new ServerProcess('
    $server->eventQueue(' . var_export($directory, true) . ');
    $server->on("/broadcast", function ($connection) use ($server) { $server->broadcast("told", ["channel" => "orders"]); });
');
$native = $server->connect('/nobody', [NATIVE]);
echo receive($native), "\n", ask($native, ['type' => 'subscribe', 'channels' => ['orders', 'stock'], 'ref' => 7]), "\n";
$by_url = $server->connect('/nobody?channel=orders&everybody=0');
echo receive($by_url), "\n";
$plain = $server->connect('/nobody');

$queue = new EventQueue($directory);
$queue->publish('paid', ['n' => 1.5], channel: ['stock', 'orders']);
$queue->publish('stocked', null, channel: 'stock');
$queue->publish('hidden', null, channel: 'other');
$queue->publish('all');
WebSocketServer::queueEvent($directory, 'all again');
echo "native\n";
for ($i = 0; $i < 4; $i++) {
    echo '  ', receive($native), "\n";
}
$server->connect('/broadcast');
echo '  ', receive($native), "\n";
$plain->send('{"event":"said","payload":{"channel":"orders"},"channel":"orders"}');
echo '  ', receive($native), "\n  ", ask($native, ['type' => 'ping']), "\n";
// What has neither a type nor a handler is an event or a mistake.
$native->send('{"event":"relayed"}');
echo '  ', receive($native), "\n  ", ask($native, ['x' => 1]), "\n";

echo "plain\n";
foreach (range(1, 5) as $_) {
    echo '  ', receive($plain), "\n";
}
echo "by URL\n  ", receive($by_url), "\n";
$queue->publish('last', null, channel: 'orders');
echo '  ', receive($by_url), "\n";
echo $server->stop();
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
{"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":[],"id":"ID"}
{"type":"subscribed","ref":7,"channels":["orders","stock"],"id":"ID"}
{"type":"welcome","client":"CLIENT","version":1,"ping_interval":25,"channels":["orders"],"id":"ID"}
native
  {"event":"paid","payload":{"n":1.5},"timestamp":"TIMESTAMP","id":"ID","channel":"stock"}
  {"event":"stocked","payload":null,"timestamp":"TIMESTAMP","id":"ID","channel":"stock"}
  {"event":"all","payload":null,"timestamp":"TIMESTAMP","id":"ID"}
  {"event":"all again","payload":null,"timestamp":"TIMESTAMP","id":"ID"}
  {"event":"told","payload":{"channel":"orders"},"timestamp":"TIMESTAMP","id":"ID"}
  {"event":"said","payload":{"channel":"orders"},"timestamp":"TIMESTAMP","id":"ID"}
  {"type":"pong","id":"ID"}
  {"event":"relayed","payload":null,"timestamp":"TIMESTAMP","id":"ID"}
  {"type":"error","code":107,"message":"a command is a JSON object with a type: subscribe, unsubscribe, authenticate, presence or ping"}
plain
  {"event":"all","payload":null,"timestamp":"TIMESTAMP"}
  {"event":"all again","payload":null,"timestamp":"TIMESTAMP"}
  {"event":"told","payload":{"channel":"orders"},"timestamp":"TIMESTAMP"}
  {"event":"said","payload":{"channel":"orders"},"timestamp":"TIMESTAMP"}
  {"event":"relayed","payload":null,"timestamp":"TIMESTAMP"}
by URL
  {"event":"paid","payload":{"n":1.5},"timestamp":"TIMESTAMP","id":"ID","channel":"orders"}
  {"event":"last","payload":null,"timestamp":"TIMESTAMP","id":"ID","channel":"orders"}
