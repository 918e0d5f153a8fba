--TEST--
200 loops that read and sleep, 100 timers and 200 idle clients are served at the same time
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/loop', function ($connection) {
        while ($connection->isConnected()) {
            $message = $connection->read();
            if ($message === null) {
                break;
            }
            usleep(100000);
            $connection->send("answer to $message");
        }
    });
    $server->on('/timer', function ($connection) {
        for ($i = 1; $i <= 3; $i++) {
            usleep(50000);
            $connection->send("tick $i");
        }
    });
    PHP);
$idle = $timers = $loops = [];
for ($i = 0; $i < 200; $i++) {
    $idle[] = $server->connect('/');
    $loops[] = $server->connect('/loop');
    if ($i % 2) {
        $timers[] = $server->connect('/timer');
    }
}
$began = microtime(true);
foreach ($loops as $i => $loop) {
    $loop->send("$i");
}
$right = 0;
foreach ($loops as $i => $loop) {
    $right += $loop->read() === "answer to $i";
}
$took = microtime(true) - $began;
// If they slept one after the other, this would take 20 seconds.
echo "$right answers, ", $took >= 0.1 && $took < 1 ? 'side by side' : "after $took s", "\n";
$ticks = 0;
foreach ($timers as $timer) {
    foreach ([1, 2, 3] as $i) {
        $ticks += $timer->read() === "tick $i";
    }
}
echo "$ticks ticks\n";
echo $server->stop();
?>
--EXPECT--
200 answers, side by side
300 ticks
