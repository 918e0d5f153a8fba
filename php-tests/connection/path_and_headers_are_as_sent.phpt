--TEST--
getPath() is the request target as sent, getHeaders() the headers as sent, getHeader() finds one in any case
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/a%20b/c', function ($connection) {
        $headers = array_diff_key($connection->getHeaders(), ['Host' => 1, 'Sec-WebSocket-Key' => 1]);
        $connection->send(json_encode([$connection->getPath(), $headers, $connection->getHeader('x-one'), $connection->getHeader('X-ONE'),
            $connection->getHeader('X-Two'), $connection->getHeader('none'), $connection->getHeader(5), $connection->handshake()], JSON_PRETTY_PRINT));
    });
    PHP);
$client = $server->connect('/a%20b/c?x=1&y=/z#f', ['X-One:  first  ', 'X-Two: a', 'X-Two: b', 'cookie: a=b; c=d', '5: five']);
echo $client->read(), "\n";
echo $server->stop();
?>
--EXPECT--
[
    "\/a%20b\/c?x=1&y=\/z#f",
    {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "X-One": "first",
        "X-Two": "b",
        "cookie": "a=b; c=d",
        "5": "five"
    },
    "first",
    "first",
    "b",
    null,
    "five",
    true
]
