--TEST--
read() and sleep inside of Fibers and generators of the script wait for their message and time, and others continue
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $server->on('/fiber', function ($connection) {
        $fiber = new Fiber(function () use ($connection) {
            while (($message = $connection->read()) !== null) {
                usleep(20000);
                $answer = Fiber::suspend("fiber read $message");
                $connection->send($answer);
            }
            return 'end of the fiber';
        });
        $value = $fiber->start();
        while (!$fiber->isTerminated()) {
            $value = $fiber->resume("$value in " . (Fiber::getCurrent() ? 'a handler' : 'no fiber'));
        }
        echo $fiber->getReturn(), "\n";
    });
    $server->on('/deep', function ($connection) {
        (new Fiber(function () use ($connection) {
            (new Fiber(function () use ($connection) {
                $connection->send('deep ' . $connection->read());
            }))->start();
            $connection->send('middle ' . $connection->read());
        }))->start();
        $connection->send('outer ' . $connection->read());
    });
    $server->on('/generator', function ($connection) {
        $messages = (function () use ($connection) {
            while (($message = $connection->read()) !== null) {
                yield $message;
            }
        })();
        foreach ($messages as $message) {
            $connection->send("generated $message");
        }
        echo "end of the generator\n";
    });
    $server->on('/callback', function ($connection) {
        $connection->send(implode(',', array_map(fn ($i) => $i . $connection->read(), [1, 2, 3])));
        ob_start();
        echo $connection->read();
        usleep(1000);
        $connection->send('buffered ' . ob_get_clean());
    });
    $server->on('/echo', function ($connection) { while (($m = $connection->read()) !== null) $connection->send($m); });
    PHP);
$echo = $server->connect('/echo');
$send = function ($client, ...$messages) use ($echo) {
    foreach ($messages as $message) {
        $echo->send('meanwhile');
        $echo->read();
        $client->send($message);
    }
};
$fiber = $server->connect('/fiber');
$send($fiber, 'one', 'two');
echo $fiber->read(), "\n", $fiber->read(), "\n";
$fiber->close();
$deep = $server->connect('/deep');
$send($deep, '1', '2', '3');
echo $deep->read(), "\n", $deep->read(), "\n", $deep->read(), "\n";
$generator = $server->connect('/generator');
$send($generator, 'a', 'b');
echo $generator->read(), "\n", $generator->read(), "\n";
$generator->close();
$callback = $server->connect('/callback');
$send($callback, 'x', 'y', 'z', 'output');
echo $callback->read(), "\n", $callback->read(), "\n";
// Calls that still wait in them are unwound.
$waiting = [$server->connect('/fiber'), $server->connect('/deep'), $server->connect('/generator')];
echo $server->stop();
?>
--EXPECT--
fiber read one in a handler
fiber read two in a handler
deep 1
middle 2
outer 3
generated a
generated b
1x,2y,3z
buffered output
end of the fiber
end of the generator
end of the fiber
end of the generator
