--TEST--
Two handlers that read the same client share its messages, and both end when it leaves
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $first = null;
    $read = function ($from, $to, $name) {
        while (($message = $from->read()) !== null) $to->send("$name read $message");
        echo "$name ended\n";
    };
    $server->on('/one', function ($connection) use (&$first, $read) { $first = $connection; $connection->send('ready'); $read($first, $connection, 'one'); });
    $server->on('/two', function ($connection) use (&$first, $read) { $connection->send('ready'); $read($first, $first, 'two'); });
    PHP);
$one = $server->connect('/one');
$one->read();
$two = $server->connect('/two');
$two->read();
$answers = [];
foreach (['a', 'b', 'c', 'd'] as $message) {
    $one->send($message);
    $answers[] = substr($one->read(), -1);
}
echo implode(' ', $answers), "\n";
$one->close();
$server->waitFor('one ended');
$server->waitFor('two ended');
$server->stop();
?>
--EXPECT--
a b c d
