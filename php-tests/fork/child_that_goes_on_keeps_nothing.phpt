--TEST--
A child of a handler that runs longer than the server keeps no port, no client and no queue: clients see the end, and start() works again at once
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
$directory = queue_directory(__FILE__);
$server = new ServerProcess('$directory = ' . var_export($directory, true) . ';' . <<<'PHP'
    $server->eventQueue($directory);
    $server->on('/fork', function ($connection) use (&$port) {
        $own = stream_socket_client('tcp://' . $connection->getHeader('Host'));
        $listener = stream_socket_server('tcp://127.0.0.1:0');
        $port = parse_url('tcp://' . $connection->getHeader('Host'), PHP_URL_PORT);
        if (pcntl_fork() === 0) {
            // Its own sockets stay open, also the one that is connected to the server.
            $open = stream_socket_get_name($own, true) && stream_socket_get_name($listener, false);
            echo $open ? 'child ' : 'closed ', posix_getpid(), "\n";
            sleep(60);
            posix_kill(posix_getpid(), SIGKILL);
        }
        $connection->close();
    });
    PHP, 'echo "again\n"; $server->port($port)->start(); echo "ended\n";');

/** What the process has open, except files and the sockets of the script itself. */
function inherited(int $process, string $directory, string $port): array
{
    $ours = [];
    foreach (file('/proc/net/tcp') as $line) {
        $fields = preg_split('/\s+/', trim($line));
        if (str_ends_with($fields[1] ?? '', sprintf(':%04X', $port))) {
            $ours["socket:[$fields[9]]"] = true;
        }
    }
    $found = [];
    foreach (scandir("/proc/$process/fd") as $descriptor) {
        $link = (string) @readlink("/proc/$process/fd/$descriptor");
        if (isset($ours[$link]) || str_starts_with($link, 'anon_inode:') || str_starts_with($link, $directory)) {
            $found[] = $link;
        }
    }

    return $found;
}

$child = null;
try {
    $waiting = $server->connect('/');
    $client = $server->connect('/fork');
    $server->waitFor('child ');
    preg_match('/child (\d+)/', $server->output(), $match);
    $child = (int) $match[1];
    $port = substr(strrchr($server->address, ':'), 1);
    echo count(inherited($server->pid(), $directory, $port)) > 5 ? "the parent has it all\n" : "the test sees nothing\n";
    print_r(inherited($child, $directory, $port));

    echo $client->readClose(), "\n";
    echo fread($client->socket, 1) === '' && feof($client->socket) ? "end\n" : "no end\n";
    $stopper = $server->connect('/__stop');
    echo $waiting->readClose(), "\n";
    echo fread($waiting->socket, 1) === '' && feof($waiting->socket) ? "end\n" : "no end\n";
    $stopper->readClose();
    $server->waitFor("again\nWebSocket server started on ws://127.0.0.1:$port\n");
    echo posix_kill($child, 0) ? "the child lives\n" : "no child\n";
    $client = $server->connect('/__stop');
    echo $client->readClose(), "\n";
    $client->drop();
    $server->waitFor('ended');
} finally {
    $child && posix_kill($child, SIGKILL);
}
echo str_replace((string) $child, 'PID', $server->wait());
?>
--EXPECT--
the parent has it all
Array
(
)
1000
end
1001 server is shutting down
end
the child lives
1001 server is shutting down
child PID
again
ended
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
