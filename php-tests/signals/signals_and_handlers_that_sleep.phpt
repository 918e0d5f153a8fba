--TEST--
A signal does not end the sleep of a handler; what a signal handler throws goes to the code that runs, and exit() in it ends the script
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
foreach ([true, false] as $async) {
    $code = 'pcntl_async_signals(' . var_export($async, true) . ');' . <<<'PHP'
        $count = 0;
        pcntl_signal(SIGUSR1, function () use (&$count) { $count++; });
        pcntl_signal(SIGUSR2, function () { throw new Exception('thrown by the signal'); });
        pcntl_signal(SIGTERM, function () { echo "SIGTERM\n"; exit(3); });
        $server->on('/sleep', function ($connection) use (&$count) {
            $results = [];
            $begin = hrtime(true);
            foreach ([fn () => sleep(1), fn () => usleep(300_000), fn () => time_nanosleep(0, 300_000_000), fn () => time_sleep_until(microtime(true) + 0.3)] as $i => $sleep) {
                $connection->send("sleeping $i");
                $results[] = var_export($sleep(), true);
            }
            $took = (hrtime(true) - $begin) / 1e9;
            $connection->send(implode(', ', $results) . ($took >= 1.85 ? ' after the whole time' : " after $took s") . ($count ? ', signalled' : ''));
        });
        // Runs all the time, and dispatches signals, which is needed without asynchronous signals.
        $run = function ($connection) {
            $connection->send('running');
            for ($end = microtime(true) + 20; microtime(true) < $end;) {
                pcntl_async_signals() || pcntl_signal_dispatch();
            }
        };
        $server->on('/catch', function ($connection) use ($run) {
            try {
                $run($connection);
            } catch (Exception $exception) {
                $connection->send('caught ' . $exception->getMessage() . ' ' . $connection->read());
            }
        });
        $server->on('/fiber', function ($connection) use ($run) {
            $fiber = new Fiber($run);
            try {
                $fiber->start($connection);
            } catch (Exception $exception) {
                $connection->send('caught outside of the Fiber: ' . $exception->getMessage());
            }
        });
        $server->on('/throw', $run);
        $server->on('/ask', function ($connection) { $connection->send('answer'); });
        $server->on('/wait', function ($connection) {
            $connection->send('waiting');
            try { $connection->read(); } finally { echo "unwound\n"; }
        });
        PHP;
    $server = new ServerProcess($code, 'echo "must not be reached\n";');
    $sleep = $server->connect('/sleep');
    for ($i = 0; $i < 4; $i++) {
        echo $sleep->read(), "\n";
        for ($j = 0; $j < 5; $j++) {
            posix_kill($server->pid(), SIGUSR1);
            usleep(10_000);
        }
    }
    echo $sleep->read(), "\n";
    foreach (['/catch', '/fiber', '/throw'] as $target) {
        $client = $server->connect($target);
        $client->read();
        posix_kill($server->pid(), SIGUSR2);
        if ($target === '/throw') {
            $server->waitFor('  thrown');
            continue;
        }
        if ($target === '/catch') {
            $client->send('and reads on');
        }
        echo $client->read(), "\n";
    }
    // exit() in a handler's Fiber, and in a Fiber inside it. The one that waits is unwound.
    $wait = $server->connect('/wait');
    $wait->read();
    $client = $server->connect($async ? '/catch' : '/fiber');
    $client->read();
    posix_kill($server->pid(), SIGTERM);
    echo $client->readClose(), "\n";
    echo preg_replace('/Stack trace:.*?  thrown in/s', '  thrown in', $server->wait());
    // And while no handler runs, or one that is at its end. The first one waits when another one runs.
    $server = new ServerProcess($code, 'echo "must not be reached\n";');
    $wait = $server->connect('/wait');
    $wait->read();
    $server->connect('/ask')->read();
    posix_kill($server->pid(), SIGTERM);
    echo $wait->readClose(), "\n", $server->wait();
}
?>
--EXPECTF--
sleeping 0
sleeping 1
sleeping 2
sleeping 3
0, NULL, true, true after the whole time, signalled
caught thrown by the signal and reads on
caught outside of the Fiber: thrown by the signal
1001 server is shutting down

Warning: Uncaught Exception: thrown by the signal in SCRIPT:%d
  thrown in SCRIPT on line %d
SIGTERM
unwound
exit code 3
1001 server is shutting down
SIGTERM
unwound
exit code 3
sleeping 0
sleeping 1
sleeping 2
sleeping 3
0, NULL, true, true after the whole time, signalled
caught thrown by the signal and reads on
caught outside of the Fiber: thrown by the signal
1001 server is shutting down

Warning: Uncaught Exception: thrown by the signal in SCRIPT:%d
  thrown in SCRIPT on line %d
SIGTERM
unwound
exit code 3
1001 server is shutting down
SIGTERM
unwound
exit code 3
