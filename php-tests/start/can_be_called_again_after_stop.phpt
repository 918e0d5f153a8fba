--TEST--
start() can be called again after stop(), on the same port and on another
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/client.php';
use FASTAPI\WebSocket\WebSocketServer;

// A client in the process of its server would wait for itself, so this one only connects.
$server = WebSocketServer::getInstance()->host('127.0.0.1')->port(0);
$ports = [];
$server->on('/stop', function ($connection) use ($server) {
    echo "handler\n";
    $server->stop();
});
$connect = function (string $line) use (&$sockets, &$ports) {
    if (preg_match('~^WebSocket server started on ws://127.0.0.1:(\d+)\n$~', $line, $match)) {
        $ports[] = $match[1];
        $sockets[] = $socket = stream_socket_client("tcp://127.0.0.1:$match[1]");
        fwrite($socket, "GET /stop HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x88\x80aaaa");
        return "started\n";
    }
    return $line;
};
ob_start($connect, 1);
$server->start();
$server->port($ports[0]);
$server->start();
$server->port(0)->start();
ob_end_clean();
var_dump($ports[0] === $ports[1], count($ports));
?>
--EXPECT--
started
handler
started
handler
started
handler
bool(true)
int(3)
