--TEST--
eventQueue('') warns while no setting names a directory, and the server runs without a queue
--EXTENSIONS--
fastapi_websocket
--INI--
fastapi_websocket.path=
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess('var_dump($server->eventQueue("") === $server);', 'echo "ended\n";');
echo preg_replace('/ in \S+ on line \d+/', '', preg_replace('/^WebSocket server started.*\n/m', '', $server->output())), "-\n";
$client = $server->connect('/');
echo str_ends_with($server->stop(), "ended\n") ? "it ran\n" : "it did not run\n";
?>
--EXPECT--

Warning: FASTAPI\WebSocket\WebSocketServer::eventQueue(): the queue path is empty
bool(true)
-
it ran
