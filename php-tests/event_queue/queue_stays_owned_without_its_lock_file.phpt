--TEST--
start() keeps its queue when the lock file is deleted or the directory made again, and a child that runs on keeps neither of them
--EXTENSIONS--
fastapi_websocket
pcntl
posix
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;
$directory = queue_directory(__FILE__);
$server = new ServerProcess('$server->eventQueue(' . var_export($directory, true) . ');' . <<<'PHP'
    $server->on('/fork', function ($connection) {
        if (pcntl_fork() === 0) {
            // One write: the test reads while this is printed.
            echo 'child ' . posix_getpid() . "\n";
            sleep(60);
            posix_kill(posix_getpid(), SIGKILL);
        }
    });
    PHP);

function await(string $what, callable $condition): void
{
    $deadline = microtime(true) + 30;
    while (!$condition()) {
        microtime(true) < $deadline || exit("$what: not in time\n");
        usleep(2000);
        clearstatcache();
    }
}

/** Whether a version that knows only the lock file finds the directory in use. */
function is_locked(string $directory): bool
{
    $lock = @fopen("$directory/.lock", 'r');

    return $lock && !flock($lock, LOCK_EX | LOCK_NB);
}

/** How much of the directory a process has open. */
function open_of(int $process, string $directory): int
{
    $links = array_map(fn ($descriptor) => (string) @readlink("/proc/$process/fd/$descriptor"), scandir("/proc/$process/fd"));

    return count(array_filter($links, fn ($link) => str_starts_with($link, $directory)));
}

$child = null;
try {
    $client = $server->connect('/');
    unlink("$directory/.lock");
    try {
        WebSocketServer::getInstance()->host('127.0.0.1')->port(0)->eventQueue($directory)->start();
    } catch (Exception $exception) {
        echo str_replace($directory, 'DIRECTORY', $exception->getMessage()), "\n";
    }
    await('the lock file is made again', fn () => is_locked($directory));
    WebSocketServer::queueEvent($directory, 'without a lock file');
    echo $client->read(), "\n";

    await('the directory is empty', fn () => glob("$directory/*.json") === []);
    remove_directory($directory);
    WebSocketServer::queueEvent($directory, 'in a new directory');
    echo $client->read(), "\n";
    $server->connect('/fork');
    $server->waitFor('child ');
    preg_match('/child (\d+)/', $server->output(), $match);
    $child = (int) $match[1];
    echo 'the parent has ', open_of($server->pid(), $directory) >= 2 ? 'some' : 'none', ", the child ", open_of($child, $directory), "\n";
} finally {
    $output = $server->stop();
    $child && posix_kill($child, SIGKILL);
}
echo substr_count($output, 'the lock file was deleted or replaced, created again'), " line in the log\n";
?>
--EXPECTF--
Failed to start the WebSocket server: the queue directory DIRECTORY is in use by another broadcaster
{"event":"without a lock file","payload":null,"timestamp":%d}
{"event":"in a new directory","payload":null,"timestamp":%d}
the parent has some, the child 0
1 line in the log
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
