--TEST--
A handler's Fiber that another handler resumes, throws into or keeps: no handler hangs and no message is lost
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $fibers = [];
    $server->on('/wait', function ($connection) use (&$fibers) {
        $fibers['wait'] = Fiber::getCurrent();
        $connection->send('waiting');
        try {
            $connection->send('read ' . $connection->read());
        } catch (Exception $exception) {
            $connection->send('caught ' . $exception->getMessage());
        }
    });
    $server->on('/suspend', function ($connection) use (&$fibers) {
        $fibers['suspend'] = Fiber::getCurrent();
        $connection->send('waiting');
        $got = Fiber::suspend();
        $connection->send('got ' . var_export($got, true));
        $connection->send('read ' . $connection->read());
    });
    // The loop may have continued it already, so it is resumed before the loop can.
    $server->on('/both', function ($connection) use (&$fibers) {
        $connection->send('resumed: ' . var_export($fibers['wait']->isSuspended(), true));
        $fibers['wait']->resume('ignored');
        $connection->send('returned');
    });
    $server->on('/throw', function ($connection) use (&$fibers) {
        $fibers['wait']->throw(new Exception('from another handler'));
        $connection->send('terminated: ' . var_export($fibers['wait']->isTerminated(), true));
    });
    $server->on('/direct', function ($connection) use (&$fibers) {
        $own = new Fiber(function () use ($connection) { $connection->send('inner ' . $connection->read()); });
        $own->start();
        $connection->send('outer ' . var_export($own->isTerminated(), true));
    });
    PHP);
$waiting = $server->connect('/wait');
echo $waiting->read(), "\n";
$both = $server->connect('/both');
echo $both->read(), ', ', $both->read(), "\n";
$waiting->send('hello');
echo $waiting->read(), "\n";

$waiting = $server->connect('/wait');
echo $waiting->read(), "\n";
$throw = $server->connect('/throw');
echo $waiting->read(), ', ', $throw->read(), "\n";
// That handler has ended: its client's events are relayed.
$waiting->send('{"event":"relayed"}');
echo substr($throw->read(), 0, 18), "\n";

$suspended = $server->connect('/suspend');
echo $suspended->read(), ', ', $suspended->read(), "\n";
$suspended->send('hello');
echo $suspended->read(), "\n";
$direct = $server->connect('/direct');
$direct->send('hello');
echo $direct->read(), ', ', $direct->read(), "\n";
echo $server->stop();
?>
--EXPECT--
waiting
resumed: true, returned
read hello
waiting
caught from another handler, terminated: true
{"event":"relayed"
waiting, got NULL
read hello
inner hello, outer true
