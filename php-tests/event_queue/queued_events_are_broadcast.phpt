--TEST--
Events of the queue directory are broadcast, those from before the start too; the directory is created and then empty
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;
$directory = queue_directory(__FILE__);
$server = new ServerProcess('$server->eventQueue(' . var_export("$directory/a/b//", true) . ');');
$client = $server->connect('/');
WebSocketServer::queueEvent("$directory/a/b", 'first', ['x' => 1.5]);
WebSocketServer::queueEvent("$directory/a/b", 'second');
echo preg_replace('/\d{10}/', 'TIME', $client->read() . "\n" . $client->read() . "\n");
echo $server->stop();
echo count(glob("$directory/a/b/*.json")), " left\n";
?>
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
--EXPECT--
{"event":"first","payload":{"x":1.5},"timestamp":TIME}
{"event":"second","payload":null,"timestamp":TIME}
0 left
