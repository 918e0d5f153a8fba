--TEST--
Cycles are collected and Fibers inspected while hundreds of handlers wait
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $fibers = [];
    class Node { public $self; public $connection; public function __destruct() { $GLOBALS['freed'] = ($GLOBALS['freed'] ?? 0) + 1; } }
    $wait = function ($connection) use (&$fibers) {
        $fibers[] = Fiber::getCurrent();
        // A cycle that only this frame and the cycle itself reference, and one without a reference from outside.
        $kept = new Node;
        $kept->self = $kept;
        $kept->connection = $connection;
        $lost = new Node;
        $lost->self = $lost;
        unset($lost);
        while (($message = $connection->read()) !== null) {
            $connection->send($message . ' ' . ($kept->self === $kept ? 'kept' : 'broken'));
        }
    };
    $server->on('/wait', $wait);
    $server->on('/nested', function ($connection) use ($wait) {
        $fiber = new Fiber(function () use ($connection, $wait) {
            (function () { Fiber::suspend(); })();
            $wait($connection);
        });
        $fiber->start();
        $fiber->resume();
    });
    $server->on('/suspended', function ($connection) use ($wait) { Fiber::suspend(); $wait($connection); });
    $server->on('/look', function ($connection) use (&$fibers) {
        gc_collect_cycles();
        $text = [];
        foreach ($fibers as $fiber) {
            $trace = (new ReflectionFiber($fiber))->getTrace();
            $text[] = implode(' ', array_column(array_slice($trace, 0, 3), 'function')) . ' ' . var_export($fiber->isSuspended(), true);
        }
        $connection->send(count($fibers) . ' fibers, ' . $GLOBALS['freed'] . ' freed, ' . json_encode(array_count_values($text)));
        $fibers = [];
    });
    PHP);
$clients = [];
for ($i = 0; $i < 150; $i++) {
    array_push($clients, $server->connect('/wait'), $server->connect('/nested'), $server->connect('/suspended'));
}
$answers = [];
$ask = function () use ($clients, &$answers) {
    foreach ($clients as $client) {
        $client->send('asked');
    }
    foreach ($clients as $client) {
        $answers[] = $client->read();
    }
};
$ask();
echo ServerProcess::withoutPlaces($server->connect('/look')->read()), "\n";
$ask();
echo json_encode(array_count_values($answers)), "\n";
echo $server->connect('/look')->read(), "\n";
foreach ($clients as $client) {
    $client->close();
}
echo $server->stop();
?>
--EXPECT--
450 fibers, 450 freed, {"suspend read {closure} true":300,"read {closure} {closure} false":150}
{"asked kept":900}
0 fibers, 450 freed, []
