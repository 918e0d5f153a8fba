--TEST--
10,000 connections whose handlers have returned and 2,000 in read() fit in a memory_limit of 128 MB
--EXTENSIONS--
fastapi_websocket
--SKIPIF--
<?php
if ((int) shell_exec('ulimit -n') < 13000) die('skip this machine cannot open 13,000 files in one process');
?>
--FILE--
<?php
ini_set('memory_limit', '-1');
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/brief', function ($connection) { $connection->send('hello'); });
    $server->on('/loop', function ($connection) {
        while (($message = $connection->read()) !== null) {
            $connection->send("answer to $message");
        }
    });
    $server->on('/ask', function ($connection) use ($server) {
        $peak = memory_get_peak_usage(true) >> 20;
        $connection->send($server->getConnectionCount() . ' connections, ' . ($peak < 64 ? 'less than 64' : $peak) . ' MiB');
    });
    PHP, '', '-d memory_limit=128M');
$brief = $loops = [];
for ($i = 0; $i < 10000; $i++) {
    $brief[] = $server->connect('/brief');
}
for ($i = 0; $i < 2000; $i++) {
    $loops[] = $server->connect('/loop');
}
foreach ($loops as $i => $loop) {
    $loop->send("$i");
}
$right = 0;
foreach ($loops as $i => $loop) {
    $right += $loop->read() === "answer to $i";
}
echo "$right answers\n";
$right = 0;
foreach ($brief as $client) {
    $right += $client->read() === 'hello';
}
echo "$right greetings\n", $server->connect('/ask')->read(), "\n";
echo $server->stop();
?>
--EXPECT--
2000 answers
10000 greetings
12001 connections, less than 64 MiB
