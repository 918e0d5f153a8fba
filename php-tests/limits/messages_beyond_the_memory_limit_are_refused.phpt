--TEST--
When memory_limit cannot hold a message, its client is closed with 1013, with at most one warning a second; the others continue
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
// The sizes leave different gaps in the chunks of PHP's memory. 128M is PHP's default without a php.ini.
foreach ([[1_000_000, 150, '128M'], [700_000, 70, '48M'], [60_000, 900, '48M'], [3_000, 3000, '24M']] as [$size, $count, $limit]) {
    $server = new ServerProcess(<<<'PHP'
        $server->on('/', function ($connection) {
            $connection->send('ready');
            // It keeps what it has read while it waits, and uses it afterwards.
            while (($message = $connection->read()) !== null) {
                $connection->send('ok ' . strlen(strrev($message)));
            }
        });
        $server->on('/small', function ($connection) {
            while (($message = $connection->read()) !== null) {
                $connection->send("answer to $message from {$connection->getPath()} " . count($connection->getHeaders()));
            }
        });
        $server->on('/usage', function ($connection) use ($server) {
            $connection->send(count($server->getConnections()));
        });
        PHP, '', "-d memory_limit=$limit");
    $innocent = $server->connect('/small');
    $clients = [];
    $results = ['ok' => 0];
    $message = str_repeat('x', $size);
    for ($i = 0; $i < $count; $i++) {
        $client = $server->connect('/');
        [$kind, $payload] = $client->receive();
        if ($kind === 'text') {
            $client->send($message);
            [$kind, $payload] = $client->receive();
        }
        if ($kind === 'text') {
            $results['ok'] += $payload === "ok $size";
            $clients[] = $client;
        } else {
            $reason = unpack('n', $payload)[1] . ' ' . substr($payload, 2);
            $results[$reason] = ($results[$reason] ?? 0) + 1;
        }
        if ($i % 50 === 0) {
            $innocent->send("$i");
            if (strtok($innocent->read(), ' ') !== 'answer') {
                echo "the innocent client was not answered\n";
            }
        }
    }
    // Clients that were served before are served again, one after the other.
    $again = 0;
    foreach ($clients as $client) {
        $client->send('small');
        $again += $client->read() === 'ok 5';
    }
    // The free pieces of chunks between messages are too small for another message of the larger sizes.
    $most = intdiv((int) $limit * 1024 * 1024, $size + 20_000);
    $enough = $results['ok'] > $most * 0.5 && $results['ok'] < $most;
    unset($results['ok']);
    echo "$limit of $size: ", $enough ? 'most' : count($clients) . " of $most", ' served, ',
        $again === count($clients) ? 'all' : $again, ' served again, the others: ', implode(', ', array_keys($results)), "\n";
    $innocent->send('last');
    echo $innocent->read(), "\n";
    // When they leave, others can connect.
    foreach ($clients as $client) {
        $client->close();
    }
    $client = $server->connect('/');
    echo $client->read(), ' ';
    $client->send($message);
    echo $client->read(), (int) $server->connect('/usage')->read() >= 2 ? '' : ', clients are missing', "\n";
    $lines = array_unique(preg_replace(['/\d+ handlers/', '/ on line \d+/'], ['N handlers', ''], array_filter(explode("\n", $server->stop()))));
    sort($lines);
    echo trim(implode("\n", $lines)), "\n";
}
?>
--EXPECTF--
128M of 1000000: most served, all served again, the others: 1013 server is overloaded
answer to last from /small 5
ready ok 1000000
Warning: FASTAPI\WebSocket\WebSocketConnection::read(): a client was closed: a message of 1000000 bytes would exceed memory_limit or leave too little of it in SCRIPT
48M of 700000: most served, all served again, the others: 1013 server is overloaded
answer to last from /small 5
ready ok 700000
Warning: FASTAPI\WebSocket\WebSocketConnection::read(): a client was closed: a message of 700000 bytes would exceed memory_limit or leave too little of it in SCRIPT
48M of 60000: most served, all served again, the others: 1013 server is overloaded
answer to last from /small 5
ready ok 60000
Warning: FASTAPI\WebSocket\WebSocketServer::start(): new connections are refused: N handlers are running, more would exceed memory_limit in SCRIPT
24M of 3000: most served, all served again, the others: 1013 server is overloaded
answer to last from /small 5
ready ok 3000
Warning: FASTAPI\WebSocket\WebSocketServer::start(): new connections are refused: N handlers are running, more would exceed memory_limit in SCRIPT
