--TEST--
A script that closes its standard streams, before start() or in a handler: no client and no file of the server gets their numbers, and no output is written into one
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
$directory = queue_directory(__FILE__);
$report = "$directory.report";
$code = '$directory = ' . var_export($directory, true) . '; $report = ' . var_export($report, true) . ';' . <<<'PHP'
    $close = function () { fclose(STDIN); fclose(STDOUT); fclose(STDERR); };
    $server->eventQueue($directory);
    $server->on('/close', function ($connection) use ($close) { $close(); $connection->send('closed'); });
    $server->on('/look', function ($connection) {
        $connection->send(implode(' ', array_map(fn ($number) => (string) @readlink("/proc/self/fd/$number"), [0, 1, 2])));
    });
    $server->on('/loud', function ($connection) {
        // Warnings go to standard error, too.
        ini_set('display_errors', 'stderr');
        echo 'echo into nothing';
        trigger_error('a warning into nothing');
        $connection->send('said');
    });
    PHP;

/** Clients connect and leave while lines are logged and printed. Each gets its own messages and nothing else. */
function look_at(ServerProcess $server, string $directory): void
{
    $clients = [];
    for ($i = 0; $i < 6; $i++) {
        $clients[] = $server->connect('/');
    }
    echo 'streams: ', $server->connect('/look')->read(), "\n";
    file_put_contents("$directory/bad.json", '{"payload":1}');
    while (!file_exists("$directory/failed/bad.json")) {
        usleep(1000);
    }
    echo $server->connect('/loud')->read(), "\n";
    FASTAPI\WebSocket\WebSocketServer::queueEvent($directory, 'event', 1);
    foreach ($clients as $client) {
        str_starts_with($client->read(), '{"event":"event","payload":1,') or die("something else came\n");
    }
    $links = array_map(fn ($number) => readlink("/proc/{$server->pid()}/fd/$number"), [0, 1, 2]);
    echo 'still: ', implode(' ', $links), "\n";
}

echo "In a handler\n";
$server = new ServerProcess($code);
echo $server->connect('/close')->read(), "\n";
look_at($server, $directory);
$printed = $server->stop();
echo preg_match('/ERROR .*bad\.json/', $printed) ? "logged\n" : "not logged: $printed\n";

echo "Before start()\n";
remove_directory($directory);
$port = random_int(20000, 30000);
$server = new ServerProcess("$code\$close(); \$server->port($port);", '', '', false);
$server->address = "127.0.0.1:$port";
for ($deadline = microtime(true) + 20; !($probe = @stream_socket_client("tcp://$server->address")) && microtime(true) < $deadline;) {
    usleep(1000);
}
look_at($server, $directory);
echo $server->stop();

echo "Another file under the number\n";
remove_directory($directory);
$server = new ServerProcess($code . <<<'PHP'
    $printed = fopen('php://stdout', 'a');
    fclose(STDERR);
    $precious = fopen($report, 'w');
    fwrite($precious, 'precious');
    PHP);
look_at($server, $directory);
$server->stop();
echo file_get_contents($report), "\n";
?>
--EXPECTF--
In a handler
closed
streams: /dev/null /dev/null /dev/null
said
still: /dev/null /dev/null /dev/null
logged
Before start()
streams: /dev/null /dev/null /dev/null
said
still: /dev/null /dev/null /dev/null
Another file under the number
streams: /dev/null %s.out %s.report
said
still: /dev/null %s.out %s.report
precious%A
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
remove_directory(queue_directory(__FILE__) . '.report');
?>
