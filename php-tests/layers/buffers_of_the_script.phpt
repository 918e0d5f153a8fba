--TEST--
Handlers print into the script's buffers, but cannot see, end or empty them; a callback of such a buffer cannot be left
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    // While start() waits, a signal handler runs with the script's layer.
    pcntl_signal(SIGUSR1, function () { ob_start(); ob_start(fn ($text) => "[$text]"); fwrite(STDOUT, "buffers of the script\n"); });
    pcntl_signal(SIGUSR2, function () { fwrite(STDOUT, ob_get_clean() . ' in ' . ob_get_level() . "\n"); });
    $server->on('/print', function ($connection) {
        echo 'printed at level ', ob_get_level(), ', ';
        usleep(1000);
        $contents = ob_get_contents();
        // A common way to get rid of all buffers.
        while (ob_get_level() > 0) {
            ob_end_clean();
        }
        echo var_export($contents, true), ', ';
        ob_start();
        echo 'flushed, ';
        usleep(1000);
        ob_end_flush();
        $connection->send('done');
    });
    $server->on('/replace', function ($connection) use ($server) {
        $connection->send('ready');
        $connection->read();
        echo 'in a buffer that came later, ';
        $connection->send('done');
    });
    PHP, <<<'PHP'
    echo 'after start at level ', ob_get_level();
    fwrite(STDOUT, 'the script has: ' . ob_get_clean() . "\n");
    PHP);
$waiting = $server->connect('/replace');
$waiting->read();
posix_kill($server->pid(), SIGUSR1);
$server->waitFor('buffers of the script');
$server->connect('/print')->read();
$server->connect('/print')->read();
$waiting->send('go');
$waiting->read();
posix_kill($server->pid(), SIGUSR2);
$server->waitFor(' in 1');
$server->connect('/print')->read();
echo $server->stop(), "----\n";

// While a callback waits, all handlers wait, since their output would disturb it. One that throws does so in the handler that prints, and
// PHP does not call it again. A fatal error in one ends the script, but its output is sent.
$code = <<<'PHP'
    ob_start(function ($text) {
        if (str_contains($text, 'wait')) {
            usleep(10000);
        }
        if (str_contains($text, 'fatal')) {
            eval('function redeclared() {} function redeclared() {}');
        }
        if (str_contains($text, 'throw')) {
            throw new Exception('thrown by the callback');
        }
        return strtr($text, ['wait' => 'waited']);
    }, 1);
    $server->on('/wait', function ($connection) {
        for ($i = 0; $i < 5; $i++) {
            echo "wait $i of ", $connection->getHeader('X-Name'), "\n";
            usleep(1000);
        }
        $connection->send('done');
    });
    $server->on('/throw', function ($connection) {
        try {
            echo 'throw';
        } catch (Exception $exception) {
            $connection->send('caught ' . $exception->getMessage());
        }
    });
    $server->on('/fatal', function ($connection) {
        ob_start();
        echo "own, ";
        ob_start();
        echo "fatal";
        $connection->send('waiting');
        $connection->read();
        ob_end_flush();
        ob_end_flush();
    });
    PHP;
$server = new ServerProcess($code);
$clients = array_map(fn ($name) => $server->connect('/wait', ["X-Name: $name"]), ['Ann', 'Bob']);
foreach ($clients as $client) {
    echo $client->read(), "\n";
}
echo $server->connect('/throw')->read(), "\n";
$lines = explode("\n", trim($server->stop()));
sort($lines);
echo implode("\n", $lines), "\n----\n";
$server = new ServerProcess($code);
$fatal = $server->connect('/fatal');
$fatal->send($fatal->read());
echo $fatal->readClose(), "\n";
echo $server->wait();
?>
--EXPECTF--
buffers of the script
printed at level 0, false, flushed, printed at level 0, false, flushed, in a buffer that came later,  in 1
the script has: printed at level 0, false, flushed, after start at level 1
----
done
done
caught thrown by the callback
throw
waited 0 of Ann
waited 0 of Bob
waited 1 of Ann
waited 1 of Bob
waited 2 of Ann
waited 2 of Bob
waited 3 of Ann
waited 3 of Bob
waited 4 of Ann
waited 4 of Bob
----
1001 server is shutting down
own, fatal
Fatal error: Cannot redeclare %Sredeclared() (previously declared in SCRIPT(%d) : eval()'d code:1) in SCRIPT(%d) : eval()'d code on line 1
exit code 255
