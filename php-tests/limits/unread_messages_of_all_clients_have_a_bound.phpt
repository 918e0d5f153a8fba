--TEST--
Unread messages have a bound for all clients together: a client whose message exceeds it is closed with 1013, the others continue
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/hold', function ($connection) {
        while ($connection->isConnected()) {
            usleep(1000);
        }
    });
    $server->on('/echo', function ($connection) {
        while (($message = $connection->read()) !== null) {
            $connection->send($message);
        }
    });
    PHP, '', '-d fastapi_websocket.max_memory=4M -d fastapi_websocket.max_outbox_bytes=1M');
/** What the server does when it has read everything: it answers in order, but the first answer may be ahead of a close frame. */
function answer(Client $client): string
{
    for ($i = 0, $kind = ''; $i < 2 && $kind !== 'close'; $i++) {
        $client->frame('?', 'ping');
        [$kind, $payload] = $client->receive();
    }

    return $kind === 'close' ? 'closed with ' . unpack('n', $payload)[1] : $kind;
}

$good = $server->connect('/echo');
$held = [];
for ($i = 0; $i < 10; $i++) {
    $held[] = $client = $server->connect('/hold');
    $client->send(str_repeat('x', 900_000));
    echo $i, ' ', answer($client), "\n";
    $good->send("still $i");
    assert($good->read() === "still $i");
}
// Clients that leave make room for others.
array_walk($held, fn ($client) => $client->drop());
do {
    $client->drop();
    $client = $server->connect('/hold');
    $client->send(str_repeat('x', 900_000));
} while (answer($client) !== 'pong');
echo "room again\n";
echo $server->stop();
?>
--EXPECT--
0 pong
1 pong
2 pong
3 pong
4 closed with 1013
5 closed with 1013
6 closed with 1013
7 closed with 1013
8 closed with 1013
9 closed with 1013
room again
