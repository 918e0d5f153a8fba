--TEST--
Handlers that wait with open output buffers get their own pages: nested buffers, callbacks, levels
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    // Renders as a template would, and waits for the client between all steps.
    $server->on('/page', function ($connection) {
        $next = function () use ($connection) {
            $connection->send('level ' . ob_get_level());
            return $connection->read();
        };
        $name = $next();
        ob_start();
        echo "page of $name: ";
        $next();
        ob_start(fn ($text) => strtoupper($text));
        echo "head of $name, ";
        $next();
        echo 'status ', count(ob_get_status(true)), ', ', ob_get_length(), ' bytes, ';
        $next();
        ob_end_flush();
        $next();
        echo "body of $name";
        $next();
        $connection->send(ob_get_clean());
        $connection->send('level ' . ob_get_level());
    });
    $server->on('/sleep', function ($connection) {
        ob_start();
        for ($i = 0; $i < 20; $i++) {
            echo $connection->getHeader('X-Name');
            usleep(1000);
        }
        $connection->send(ob_get_clean());
    });
    // Output without a buffer of its own belongs to no page.
    $server->on('/print', function ($connection) {
        echo 'printed at level ', ob_get_level(), "\n";
        $connection->send('printed');
    });
    // The callback of a buffer waits.
    $server->on('/callback', function ($connection) {
        ob_start(function ($text) use ($connection) {
            $connection->send('in the callback');
            return "$text and " . $connection->read();
        });
        echo 'text';
        ob_end_flush();
        echo "\n";
    });
    // The Fibers of a handler share its buffers, as everywhere in PHP.
    $server->on('/fiber', function ($connection) {
        $fiber = new Fiber(function () use ($connection) {
            ob_start();
            echo 'in the fiber, ';
            $connection->send('level ' . ob_get_level());
            echo $connection->read();
            Fiber::suspend();
            echo ', in the fiber again';
        });
        $fiber->start();
        echo ', in the handler ', ob_get_level();
        $fiber->resume();
        $connection->send(ob_get_clean());
    });
    // A handler that another one continues: each has its own all the time.
    $server->on('/continued', function ($connection) {
        $GLOBALS['continued'] = Fiber::getCurrent();
        ob_start();
        echo 'continued, ';
        $connection->send('waiting');
        try {
            $connection->read();
        } catch (Exception $exception) {
            echo $exception->getMessage(), ' at level ', ob_get_level();
        }
        $connection->send(ob_get_clean());
        ob_start();
        echo "left open by the continued\n";
    });
    $server->on('/continue', function ($connection) {
        ob_start();
        ob_start();
        echo 'continues, ';
        $GLOBALS['continued']->resume();
        echo 'throws, ';
        $GLOBALS['continued']->throw(new Exception('thrown'));
        echo 'at level ', ob_get_level();
        ob_end_flush();
        $connection->send(ob_get_clean());
    });
    PHP);
$clients = ['Ann' => $server->connect('/page'), 'Bob' => $server->connect('/page'), 'Cem' => $server->connect('/page')];
for ($step = 0; $step < 6; $step++) {
    $levels = [];
    foreach ($clients as $client) {
        $levels[] = $client->read();
    }
    echo implode(', ', $levels), "\n";
    $name = array_keys($clients);
    foreach ($step % 2 ? array_reverse($clients) : $clients as $name => $client) {
        $client->send($name);
    }
    if ($step === 3) {
        echo $server->connect('/print')->read(), "\n";
    }
}
foreach ($clients as $client) {
    echo $client->read(), ', ', $client->read(), "\n";
}
$clients = array_map(fn ($name) => $server->connect('/sleep', ["X-Name: $name"]), ['a', 'b', 'c', 'd']);
foreach ($clients as $client) {
    echo $client->read(), "\n";
}
$clients = [$server->connect('/callback'), $server->connect('/fiber')];
echo $clients[0]->read(), ', ', $clients[1]->read(), "\n";
echo $server->connect('/print')->read(), "\n";
$other = $server->connect('/page');
echo $other->read(), "\n";
$other->send('Dan');
echo $other->read(), "\n";
$clients[1]->send('read');
echo $clients[1]->read(), "\n";
$clients[0]->send('waited');
$server->waitFor('waited');
$continued = $server->connect('/continued');
echo $continued->read(), "\n", $server->connect('/continue')->read(), "\n", $continued->read(), "\n";
echo $server->stop();
?>
--EXPECT--
level 0, level 0, level 0
level 1, level 1, level 1
level 2, level 2, level 2
level 2, level 2, level 2
printed
level 1, level 1, level 1
level 1, level 1, level 1
page of Ann: HEAD OF ANN, STATUS 2, 23 BYTES, body of Ann, level 0
page of Bob: HEAD OF BOB, STATUS 2, 23 BYTES, body of Bob, level 0
page of Cem: HEAD OF CEM, STATUS 2, 23 BYTES, body of Cem, level 0
aaaaaaaaaaaaaaaaaaaa
bbbbbbbbbbbbbbbbbbbb
cccccccccccccccccccc
dddddddddddddddddddd
in the callback, level 1
printed
level 0
level 1
in the fiber, read, in the handler 1, in the fiber again
waiting
continues, throws, at level 2
continued, thrown at level 1
printed at level 0
printed at level 0
text and waited
left open by the continued
