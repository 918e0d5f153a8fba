--TEST--
Signals while read() blocks all handlers, in code that the loop itself has called: exceptions of signal handlers, exit() and stop() take effect
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
// An exception handler and a destructor run in the loop. PHP itself does not allow a signal handler to be left.
$code = <<<'PHP'
    pcntl_signal(SIGUSR1, function () { throw new Exception('thrown by the signal'); });
    pcntl_signal(SIGUSR2, function () use ($server) { echo "stop\n"; $server->stop(); });
    pcntl_signal(SIGTERM, function () { echo "exit\n"; exit(3); });
    pcntl_signal(SIGHUP, function () { global $reader; $reader->send('in the signal handler'); echo 'read ', var_export($reader->read(), true), "\n"; });
    function block(string $where): void
    {
        global $reader;
        try {
            // The client sends the signal as soon as it has this.
            $reader->send("in the $where");
            $got = $reader->read();
            echo "$where read ", var_export($got, true), "\n";
        } finally {
            echo "$where ends\n";
        }
    }
    set_exception_handler(function ($exception) {
        if ($exception->getMessage() === 'block') {
            block('exception handler');
        } else {
            echo 'caught: ', $exception->getMessage(), "\n";
        }
    });
    class Blocking { public function __destruct() { block('destructor'); } }
    $server->on('/reader', function ($connection) {
        $GLOBALS['reader'] = $connection;
        $connection->send('ready');
        while ($connection->isConnected()) {
            usleep(1000);
        }
    });
    $server->on('/exception', function () { throw new Exception('block'); });
    // The exception has the last reference, and the loop releases it.
    $server->on('/destructor', function () {
        throw new class(new Blocking) extends Exception {
            public function __construct(public $held) { parent::__construct('with an object'); }
        };
    });
    $server->on('/alive', fn ($connection) => $connection->send('alive'));
    PHP;
foreach ([true, false] as $async) {
    foreach (['exception', 'destructor'] as $target) {
        foreach (['message' => 0, 'throw' => SIGUSR1, 'stop' => SIGUSR2, 'exit' => SIGTERM] as $what => $signal) {
            $server = new ServerProcess('pcntl_async_signals(' . var_export($async, true) . ");$code", 'echo "returned\n";');
            $reader = $server->connect('/reader');
            $reader->read();
            $server->connect("/$target");
            echo $async ? 'async' : 'not async', ", $what: ", $reader->read(), "\n";
            if ($signal) {
                posix_kill($server->pid(), $signal);
            } else {
                $reader->send('hello');
            }
            if ($what === 'stop' || $what === 'exit') {
                echo $reader->readClose(), "\n", $server->wait();
            } else {
                echo $server->connect('/alive')->read(), "\n", preg_replace('/\nWarning.*?\n  thrown in.*?\n/s', "reported\n", $server->stop());
            }
        }
    }
    $server = new ServerProcess('pcntl_async_signals(' . var_export($async, true) . ");$code", 'echo "returned\n";');
    $reader = $server->connect('/reader');
    $reader->read();
    posix_kill($server->pid(), SIGHUP);
    echo $reader->read(), "\n";
    // Only one signal handler runs at a time.
    posix_kill($server->pid(), SIGUSR2);
    $reader->send('hello');
    echo $reader->readClose(), "\n", $server->wait();
}
?>
--EXPECT--
async, message: in the exception handler
alive
exception handler read 'hello'
exception handler ends
returned
async, throw: in the exception handler
alive
exception handler ends
reported
returned
async, stop: in the exception handler
1001 server is shutting down
stop
exception handler read NULL
exception handler ends
returned
async, exit: in the exception handler
1001 server is shutting down
exit
exit code 3
async, message: in the destructor
alive
caught: with an object
destructor read 'hello'
destructor ends
returned
async, throw: in the destructor
alive
caught: with an object
destructor ends
reported
returned
async, stop: in the destructor
1001 server is shutting down
caught: with an object
stop
destructor read NULL
destructor ends
returned
async, exit: in the destructor
1001 server is shutting down
caught: with an object
exit
exit code 3
in the signal handler
1001 server is shutting down
read 'hello'
stop
returned
not async, message: in the exception handler
alive
exception handler read 'hello'
exception handler ends
returned
not async, throw: in the exception handler
alive
exception handler ends
reported
returned
not async, stop: in the exception handler
1001 server is shutting down
stop
exception handler read NULL
exception handler ends
returned
not async, exit: in the exception handler
1001 server is shutting down
exit
exit code 3
not async, message: in the destructor
alive
caught: with an object
destructor read 'hello'
destructor ends
returned
not async, throw: in the destructor
alive
caught: with an object
destructor ends
reported
returned
not async, stop: in the destructor
1001 server is shutting down
caught: with an object
stop
destructor read NULL
destructor ends
returned
not async, exit: in the destructor
1001 server is shutting down
caught: with an object
exit
exit code 3
in the signal handler
1001 server is shutting down
read 'hello'
stop
returned
