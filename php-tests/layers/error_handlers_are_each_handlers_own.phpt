--TEST--
Each handler has its own stack of error handlers and exception handlers, which begins as the script's
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    function handler($name) {
        return function ($level, $message) use ($name) { echo "$name: $message\n"; return true; };
    }
    set_error_handler(handler('script'));
    set_exception_handler(function ($exception) { echo 'script: ', $exception->getMessage(), "\n"; });
    $server->on('/own', function ($connection) {
        $name = $connection->read();
        trigger_error("first of $name");
        set_error_handler(handler($name));
        $connection->send('set');
        $connection->read();
        trigger_error("second of $name");
        set_error_handler(handler("$name nested"), E_USER_WARNING);
        $connection->send('nested');
        $connection->read();
        trigger_error("third of $name", E_USER_WARNING);
        restore_error_handler();
        $connection->send('restored');
        $connection->read();
        trigger_error("fourth of $name");
        restore_error_handler();
        trigger_error("fifth of $name");
        $connection->send('restored');
    });
    $server->on('/other', function ($connection) { trigger_error('other'); $connection->send('done'); });
    // An error handler that waits: the engine has unset it while it runs.
    $server->on('/wait', function ($connection) {
        set_error_handler(function ($level, $message) use ($connection) {
            $connection->send('in the error handler');
            echo 'waiting: ' . $message . ' ' . $connection->read() . "\n";
            return true;
        });
        trigger_error('awaited');
        trigger_error('awaited again');
        $connection->send('done');
    });
    // The script's error handler, which a handler removes for itself.
    $server->on('/restore', function ($connection) {
        restore_error_handler();
        $connection->send('restored');
        $connection->read();
        set_error_handler(handler('after the wait'));
        trigger_error('restore');
        $connection->send('done');
    });
    $server->on('/throw', function ($connection) {
        set_exception_handler(fn ($exception) => print 'own: ' . $exception->getMessage() . "\n");
        $connection->send('set');
        throw new Exception($connection->read());
    });
    $server->on('/throw_other', fn () => throw new Exception('of another'));
    // A mode that a function of the engine sets while it runs: errors become exceptions.
    class Slow { public $context; function stream_open($path) { usleep(20000); return false; } }
    stream_wrapper_register('slow', 'Slow');
    $server->on('/engine', function ($connection) {
        $connection->send('opening');
        try {
            new SplFileObject('slow://file');
        } catch (RuntimeException $exception) {
            $connection->send('RuntimeException');
        }
    });
    // Changes of the script while it serves are in force for handlers that have changed nothing.
    pcntl_signal(SIGUSR1, function () { set_error_handler(handler('later')); echo "changed\n"; });
    PHP);
$clients = ['Ann' => $server->connect('/own'), 'Bob' => $server->connect('/own')];
for ($step = 0; $step < 4; $step++) {
    foreach ($clients as $name => $client) {
        $client->send($name);
        $client->read();
    }
    $server->connect('/other')->read();
}
$waiting = [$server->connect('/wait'), $server->connect('/wait')];
foreach ([0, 1, 1, 0] as $step => $i) {
    echo $waiting[$i]->read(), "\n";
    $server->connect('/other')->read();
    $waiting[$i]->send("step $step");
    $server->waitFor("step $step");
}
echo $waiting[0]->read(), ' ', $waiting[1]->read(), "\n";
$restored = $server->connect('/restore');
$restored->read();
$server->connect('/other')->read();
$restored->send('go');
$restored->read();
$throw = [$server->connect('/throw'), $server->connect('/throw')];
foreach ($throw as $i => $client) {
    $client->read();
    $server->connect('/throw_other')->close();
}
foreach ($throw as $i => $client) {
    $client->send("thrown $i");
    $server->waitFor("own: thrown $i");
}
$engine = $server->connect('/engine');
echo $engine->read(), ' ';
$server->connect('/other')->read();
echo $engine->read(), "\n";
posix_kill($server->pid(), SIGUSR1);
$server->waitFor('changed');
$server->connect('/other')->read();
$own = $server->connect('/own');
$own->send('Dan');
$own->read();
echo $server->stop();
?>
--EXPECT--
in the error handler
in the error handler
in the error handler
in the error handler
done done
opening RuntimeException
script: first of Ann
script: first of Bob
script: other
Ann: second of Ann
Bob: second of Bob
script: other
Ann nested: third of Ann
Bob nested: third of Bob
script: other
Ann: fourth of Ann
script: fifth of Ann
Bob: fourth of Bob
script: fifth of Bob
script: other
script: other
waiting: awaited step 0
script: other
waiting: awaited step 1
script: other
waiting: awaited again step 2
script: other
waiting: awaited again step 3
script: other
after the wait: restore
script: of another
script: of another
own: thrown 0
own: thrown 1
script: other
changed
later: other
later: first of Dan
Dan: second of Dan
Dan nested: third of Dan
Dan: fourth of Dan
later: fifth of Dan
