<?php
// Echoes what clients of /bench send, as a user would write it: echo.php. The system chooses the port, which is printed.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketConnection;
use FASTAPI\WebSocket\WebSocketServer;

WebSocketServer::getInstance()
    ->host('127.0.0.1')
    ->port(0)
    ->on('/bench', function (WebSocketConnection $connection) {
        while (($message = $connection->read()) !== null) {
            $connection->send($message);
        }
    })
    ->start();
