<?php
// Echoes text and binary messages, for php-tests/autobahn and measurements. The port is the first argument.

$server = FASTAPI\WebSocket\WebSocketServer::getInstance()->host('127.0.0.1')->port($argv[1] ?? 0);
$server->on('/', function ($connection) {
    while (($message = $connection->read()) !== null) {
        $connection->isBinary() ? $connection->sendBinary($message) : $connection->send($message);
    }
});
$server->start();
