--TEST--
read() and sleep in destructors that the garbage collector calls wait for their message and time
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$code = <<<'PHP'
    class Slow
    {
        public $self;
        public function __construct(private $connection) { $this->self = $this; }
        public function __destruct()
        {
            usleep(1000);
            $this->connection->send('slept');
            $this->connection->send('read ' . var_export($this->connection->read(), true));
        }
    }
    $server->on('/', function ($connection) {
        new Slow($connection);
        new Slow($connection);
        gc_collect_cycles();
        $connection->send('collected');
        while (($message = $connection->read()) !== null) {
            $connection->send("loop $message");
        }
        echo "handler ended\n";
    });
    $server->on('/other', function ($connection) { $connection->send('collected ' . gc_collect_cycles()); });
    $server->on('/exit', function () { exit(3); });
    PHP;
$server = new ServerProcess($code);
$client = $server->connect('/');
echo $client->read(), "\n";
foreach (['1', '2'] as $message) {
    $client->send($message);
    echo $client->read(), ', ', $client->read(), "\n";
}
$client->send('3');
echo $client->read(), "\n";
echo $server->stop();

// From PHP 8.4 on the collector has a Fiber for destructors. Before, a destructor cannot be suspended, and all others wait.
if (PHP_VERSION_ID >= 80400) {
    $server = new ServerProcess($code);
    $client = $server->connect('/');
    $heard = [$client->read(), $server->connect('/other')->read(), $server->stop()];
    if ($heard !== ['slept', 'collected 0', "handler ended\n"]) {
        var_dump('stop', $heard);
    }
    $server = new ServerProcess($code);
    $heard = [$server->connect('/')->read()];
    $server->connect('/exit');
    $heard[] = $server->wait();
    if ($heard !== ['slept', "exit code 3\n"]) {
        var_dump('exit', $heard);
    }
}
?>
--EXPECT--
slept
read '1', slept
read '2', collected
loop 3
handler ended
