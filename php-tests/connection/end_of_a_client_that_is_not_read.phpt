--TEST--
A handler that only checks isConnected() ends when its client leaves, in every way of leaving and after any messages
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';

/** Connects, sends messages as long as the server takes them, and leaves. Is also run as a process of its own, to be killed. */
class Leaver extends Client
{
    /** Sends as much as the server takes; it does not read all. */
    public function pour(int $count, int $length): bool
    {
        $payload = str_repeat('x', $length) ^ str_repeat('mask', intdiv($length, 4) + 1);
        $head = $length < 126 ? chr(0x80 | $length) : chr(0x80 | 126) . pack('n', $length);
        $bytes = str_repeat("\x81{$head}mask$payload", $count);
        stream_set_blocking($this->socket, false);
        $quiet = 0;
        while ($bytes !== '' && $quiet < 20) {
            $written = (int) @fwrite($this->socket, $bytes);
            $bytes = substr($bytes, $written);
            $quiet = $written > 0 ? 0 : $quiet + 1;
            $written > 0 || usleep(10000);
        }

        return $bytes === '';
    }

    public function leave(string $how, bool $poured): void
    {
        if ($how === 'close' && $poured) {
            fwrite($this->socket, "\x88\x82mask" . (pack('n', 1000) ^ 'ma'));
        }
        // A close with unread bytes is a reset.
        if ($how !== 'reset') {
            fread($this->socket, 65536);
        }
        fclose($this->socket);
    }
}

if (isset($argv[1])) {
    $client = new Leaver($argv[1], '/watch?' . $argv[2]);
    $client->pour((int) $argv[3], (int) $argv[4]);
    echo "poured\n";
    sleep(60);
    exit;
}

$server = new ServerProcess(<<<'PHP'
    $server->on('/watch', function ($connection) {
        // So that the close can be a reset.
        $connection->send('hello');
        echo "begins {$connection->getPath()}\n";
        while ($connection->isConnected()) {
            usleep(10000);
        }
        echo "ended {$connection->getPath()}\n";
    });
    $server->on('/count', function ($connection) use ($server) {
        $connection->send((string) ($server->getConnectionCount() - 1));
        $connection->close();
    });
    PHP);
$sockets = function () use ($server) {
    $links = array_map(fn ($link) => @readlink($link), glob("/proc/{$server->pid()}/fd/*"));

    return count(array_filter($links, fn ($link) => str_starts_with((string) $link, 'socket:')));
};
$before = $sockets();
$loads = ['nothing' => [0, 0], '200 messages' => [200, 10], '2 MB' => [200, 10000], '20 MB' => [2000, 10000]];
foreach ($loads as $name => [$count, $length]) {
    foreach (['end', 'close', 'reset', 'kill'] as $how) {
        $path = '/watch?' . urlencode("$name-$how");
        if ($how === 'kill') {
            // Without the extension: it is only a client.
            $command = [PHP_BINARY, '-n', __FILE__, $server->address, urlencode("$name-$how"), (string) $count, (string) $length];
            $process = proc_open($command, [1 => ['pipe', 'w']], $pipes);
            fgets($pipes[1]);
            proc_terminate($process, 9);
        } else {
            $client = new Leaver($server->address, $path);
            $poured = $client->pour($count, $length);
            $server->waitFor("begins $path\n");
            $client->leave($how, $poured);
        }
    }
}
$deadline = microtime(true) + 20;
while (substr_count($server->output(), 'ended ') < 16 && microtime(true) < $deadline) {
    usleep(10000);
}
foreach ($loads as $name => $load) {
    foreach (['end', 'close', 'reset', 'kill'] as $how) {
        $ended = str_contains($server->output(), 'ended /watch?' . urlencode("$name-$how") . "\n");
        echo "$name, $how: ", $ended ? 'ended' : 'not seen', "\n";
    }
}
$deadline = microtime(true) + 5;
do {
    $count = $server->connect('/count');
    $left = $count->read();
    $count->close();
    $open = $sockets() - $before;
} while (($left !== '0' || $open > 0) && microtime(true) < $deadline);
echo "$left connections, $open descriptors\n";
$server->stop();
?>
--EXPECT--
nothing, end: ended
nothing, close: ended
nothing, reset: ended
nothing, kill: ended
200 messages, end: ended
200 messages, close: ended
200 messages, reset: ended
200 messages, kill: ended
2 MB, end: ended
2 MB, close: ended
2 MB, reset: ended
2 MB, kill: ended
20 MB, end: ended
20 MB, close: ended
20 MB, reset: ended
20 MB, kill: ended
0 connections, 0 descriptors
