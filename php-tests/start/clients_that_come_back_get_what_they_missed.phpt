--TEST--
Clients that come back get what they have missed, also when start() was called in another process meanwhile, or are told
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/channels.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$code = '
    $server->eventQueue(' . var_export($directory, true) . ');
    $server->on("/broadcast", function ($connection) use ($server) { $server->broadcast("told"); });
';
/** The next message, and its id. */
function message(Client $client): array
{
    $message = json_decode($client->read(), true);

    return [$message['event'] ?? $message['type'] . ' ' . json_encode($message['recovered'] ?? null), $message['id']];
}

$server = new ServerProcess($code);
$client = $server->connect('/?channel=orders');
[$first] = message($client);
echo $first, "\n";
$page = EventQueue::now();
$queue->publish('one', channel: 'orders');
[$event, $id] = message($client);
echo $event, "\n";
$client->drop();
// The order of events of the queue and of broadcast() is open, so one waits for the other.
$live = $server->connect('/?channel=orders');
message($live);
$queue->publish('two', channel: 'orders');
message($live);
$queue->publish('of others', channel: 'stock');
$server->connect('/broadcast');
message($live);
$queue->publish('three', channel: 'orders');
message($live);
$watching = $server->connect("/?channel=orders&after=$id");
foreach (range(1, 4) as $_) {
    echo '  ', message($watching)[0], "\n";
}
echo $server->stop();

$queue->publish('while no server ran', channel: 'orders');
$server = new ServerProcess($code);
echo "started again\n";
$back = $server->connect("/?channel=orders&after=$id");
foreach (range(1, 5) as $_) {
    echo '  ', message($back)[0], "\n";
}
echo "native\n";
$native = $server->connect("/?after=$id", [NATIVE]);
echo '  ', message($native)[0], "\n  ", message($native)[0], "\n";
$native->send(json_encode(['type' => 'subscribe', 'channel' => 'orders', 'after' => $id]));
$answer = json_decode($native->read(), true);
echo '  ', json_encode([$answer['recovered'], array_column($answer['events'], 'event')]), "\n";
echo "a page that was made before 'one'\n";
$rendered = $server->connect("/?channel=orders&everybody=0&after=$page");
foreach (range(1, 2) as $_) {
    echo '  ', message($rendered)[0], "\n";
}
$unknown = $server->connect('/?channel=orders&after=0000000000000000-1');
echo "unknown\n  ", message($unknown)[0], "\n";
echo $server->stop();

$server = new ServerProcess($code, arguments: '-d fastapi_websocket.history_events=0');
$client = $server->connect("/?channel=orders&after=$id");
echo "without history\n  ", message($client)[0], "\n";
echo $server->stop();
echo 'mode of the directory: ', decoct(fileperms("$directory/history") & 0777), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
welcome null
one
  welcome true
  two
  told
  three
started again
  welcome true
  two
  told
  three
  while no server ran
native
  welcome true
  told
  [true,["two","three","while no server ran"]]
a page that was made before 'one'
  welcome true
  one
unknown
  welcome false
without history
  welcome false
mode of the directory: 700
