--TEST--
Headers, path and connections for which memory_limit leaves too little: an exception in the handler that asks for them; the others continue
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    // Leaves less memory than the server keeps free for the script.
    function fill(): array
    {
        $held = [];
        foreach ([1_000_000 => 3_000_000, 10_000 => 600_000, 1_000 => 300_000] as $size => $left) {
            while (16 * 1024 * 1024 - memory_get_usage() > $left) {
                $held[] = str_repeat('x', $size);
            }
        }
        return $held;
    }
    foreach (['getHeaders', 'getHeader', 'getPath', 'getConnections'] as $method) {
        $server->on("/$method", function ($connection) use ($method, $server) {
            $asked = method_exists($server, $method) ? $server : $connection;
            $before = $asked->$method('X-Large');
            $held = fill();
            try {
                $asked->$method('X-Large');
                $result = 'no exception';
            } catch (Exception $exception) {
                $result = $exception->getMessage();
            }
            $held = null;
            $answers = $asked->$method('X-Large') === $before;
            echo "$method: $result; ", $connection->isConnected() ? 'connected' : 'closed', $answers ? ' and the same' : '', "\n";
            $connection->send('goes on');
        });
    }
    $server->on('/', function ($connection) { $connection->send('another'); });
    PHP, '', '-d memory_limit=16M');
foreach (['/getHeaders', '/getHeader', '/getPath'] as $target) {
    echo $server->connect($target, ['X-Large: ' . str_repeat('x', 5000)])->readClose(), "\n";
}
$connections = $server->connect('/getConnections');
echo $connections->read(), ' ', $server->connect('/')->read(), "\n";
$connections->close();
// On a slow machine there may be another warning: one a second.
echo preg_replace('/\n\nWarning: \S+(getHeader|getPath)\(\).*/', '', $server->stop());
?>
--EXPECTF--
1013 server is overloaded
1013 server is overloaded
1013 server is overloaded
goes on another

Warning: FASTAPI\WebSocket\WebSocketConnection::getHeaders(): a client was closed: the headers of %d bytes would exceed memory_limit or leave too little of it in SCRIPT on line %d
getHeaders: the headers of %d bytes would exceed memory_limit; closed and the same
getHeader: a header of 5000 bytes would exceed memory_limit; closed and the same
getPath: the path of 8 bytes would exceed memory_limit; closed and the same
getConnections: an array of 1 connections would exceed memory_limit; connected and the same
