--TEST--
A log on a full disk, without a reader or with one that does not read stops neither clients nor the end of the server
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
$directory = queue_directory(__FILE__);
$fifo = "$directory.fifo";
shell_exec('mkfifo ' . escapeshellarg($fifo));
$logs = [
    'a full disk' => 'exec 2>/dev/full;',
    // The only reader ends, and the next open for writing would block.
    'no reader' => "exec 3<>$fifo 2>$fifo 3>&-;",
    'nobody reads' => "exec 2<>$fifo;",
];
foreach ($logs as $name => $log) {
    $server = new ServerProcess('$server->eventQueue(' . var_export($directory, true) . ');' . <<<'PHP'
        $server->on('/echo', function ($connection) {
            while (($message = $connection->read()) !== null) {
                $connection->send($message);
            }
        });
        PHP, 'echo "ended\n";', '', true, "export RUST_LOG=trace; $log");
    $listener = $server->connect('/');
    // Each of them is logged: together more than the pipe and the buffer can hold.
    for ($i = 0; $i < 300; $i++) {
        FASTAPI\WebSocket\WebSocketServer::queueEvent($directory, str_repeat('x', 9000), $i);
        $message = json_decode($listener->read());
        $message->payload === $i or die("$i is missing\n");
        if ($i % 20 === 0) {
            $client = $server->connect('/echo');
            $client->send("$i");
            $client->read() === "$i" or die("no echo of $i\n");
        }
    }
    $began = microtime(true);
    echo $name, ': ', $server->stop();
    echo microtime(true) - $began < 5 ? '' : "it took too long to end\n";
}
?>
--EXPECT--
a full disk: ended
no reader: ended
nobody reads: ended
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
@unlink(queue_directory(__FILE__) . '.fifo');
?>
