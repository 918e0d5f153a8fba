--TEST--
When the process may have no more memory mappings, new connections are refused with 1013 and a reason; the others continue
--EXTENSIONS--
fastapi_websocket
--SKIPIF--
<?php
require __DIR__ . '/../helpers/mappings.php';
if (arguments_to_map() === null) die('skip this machine cannot use up the mappings of a process: no FFI, or vm.max_map_count is unknown or high');
?>
--FILE--
<?php
require __DIR__ . '/../helpers/mappings.php';
require __DIR__ . '/../helpers/server.php';
$helper = var_export(__DIR__ . '/../helpers/mappings.php', true);
$cases = [['before start()', 'map_all_but(2448);', null], ['while it serves', '', '100']];
foreach ($cases as [$when, $first, $later]) {
    $server = new ServerProcess("require $helper; $first" . <<<'PHP'
        $server->on('/map', function ($connection) {
            map_all_but((int) $connection->read());
            $connection->send('mapped');
        });
        $server->on('/loop', function ($connection) {
            $connection->send('ready');
            while (($message = $connection->read()) !== null) {
                $connection->send("answer to $message");
            }
        });
        PHP, '', arguments_to_map());
    if ($later) {
        $mapper = $server->connect('/map');
        $mapper->send($later);
        $mapper->read();
    }
    $served = $codes = [];
    for ($i = 0; $i < 250; $i++) {
        $client = $server->connect('/loop');
        [$kind, $payload] = $client->receive();
        if ($kind === 'text') {
            $served[] = $client;
        } else {
            $codes[] = unpack('n', $payload)[1];
        }
    }
    echo "used up $when: ", count($served) > 20 ? 'some' : count($served), ' served, ', $codes ? 'others' : 'none', ' refused with ',
        implode(' and ', array_unique($codes)), "\n";
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
    echo substr_count($output, "\n") <= 6 ? trim(strtok($output, "\n")) : $output, "\n";
}
?>
--EXPECTF--
used up before start(): some served, others refused with 1013
all answered
ready
Warning: FASTAPI\WebSocket\WebSocketServer::start(): new connections are refused: %d handlers are running, more would exceed vm.max_map_count in SCRIPT on line %d
used up while it serves: some served, others refused with 1013
all answered
ready
Warning: FASTAPI\WebSocket\WebSocketServer::start(): new connections are refused: %d handlers are running, the system has no memory for the stack of another in SCRIPT on line %d
