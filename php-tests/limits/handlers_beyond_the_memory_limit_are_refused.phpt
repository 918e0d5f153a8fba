--TEST--
When memory_limit can hold no more handlers, new connections are refused with 1013 and one warning a second; the others continue
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/loop', function ($connection) {
        $connection->send('ready');
        while (($message = $connection->read()) !== null) {
            $connection->send("answer to $message");
        }
    });
    PHP, '', '-d memory_limit=12M');
$served = [];
$refused = 0;
for ($i = 0; $i < 600; $i++) {
    $client = $server->connect('/loop');
    [$kind, $payload] = $client->receive();
    if ($kind === 'text') {
        $served[] = $client;
    } else {
        $code = unpack('n', $payload)[1];
        $refused++;
    }
}
echo count($served) > 200 ? 'hundreds served' : count($served) . ' served', ', ', $refused > 0 ? 'some' : 'none', " refused with $code\n";
$right = 0;
foreach ($served as $i => $client) {
    $client->send("$i");
    $right += $client->read() === "answer to $i";
}
echo $right === count($served) ? 'all' : $right, " answered\n";
// When they leave, others can connect.
foreach ($served as $client) {
    $client->close();
}
echo $server->connect('/loop')->read(), "\n";
$output = $server->stop();
echo substr_count($output, "\n") <= 6 ? strtok($output, "\n") : $output, "\n";
?>
--EXPECTF--
hundreds served, some refused with 1013
all answered
ready
Warning: FASTAPI\WebSocket\WebSocketServer::start(): new connections are refused: %d handlers are running, more would exceed memory_limit in SCRIPT on line %d
