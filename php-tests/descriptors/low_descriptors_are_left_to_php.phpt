--TEST--
With more than 1,024 clients a handler can select and start processes, and those have the limit of open files that the script had
--EXTENSIONS--
fastapi_websocket
pcntl
--SKIPIF--
<?php
if ((int) shell_exec('ulimit -Hn') < 6000) die('skip this machine cannot open 6,000 files in one process');
?>
--FILE--
<?php
require __DIR__ . '/../helpers/server.php';
$server = new ServerProcess(<<<'PHP'
    $soft = fn ($limits) => preg_match('/^Max open files +(\S+)/m', $limits, $match) ? $match[1] : 'none';
    $read = 'cat /proc/self/limits';
    $server->on('/ask', function ($connection) use ($server, $soft, $read) {
        [$one, $other] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        fwrite($other, 'x');
        [$readable, $none] = [[$one], null];
        $connection->send($server->getConnectionCount() . ' clients, select: ' . var_export(stream_select($readable, $none, $none, 1), true));

        $process = proc_open($read, [1 => ['pipe', 'w']], $pipes);
        [$readable, $none] = [[$pipes[1]], null];
        $selected = stream_select($readable, $none, $none, 5);
        $connection->send("proc_open: $selected, " . $soft(stream_get_contents($pipes[1])));
        proc_close($process);
        $connection->send('shell_exec: ' . $soft(shell_exec($read)));
        exec($read, $lines);
        $connection->send('exec: ' . $soft(implode("\n", $lines)));
        $pipe = popen($read, 'r');
        $connection->send('popen: ' . $soft(stream_get_contents($pipe)));
        pclose($pipe);
        if (pcntl_fork() === 0) {
            pcntl_exec('/bin/sh', ['-c', "$read > " . escapeshellarg(__FILE__ . '.out.limits')]);
        }
        pcntl_wait($status);
        $connection->send('fork: ' . $soft(file_get_contents(__FILE__ . '.out.limits')));
        unlink(__FILE__ . '.out.limits');
        $own = (int) $soft(file_get_contents('/proc/self/limits'));
        $connection->send('the server: ' . ($own > 1100 ? 'more' : $own));
    });
    PHP, 'echo "after: ", $soft(shell_exec($read)), " ", $soft(file_get_contents("/proc/self/limits")), "\n";', '', true, 'ulimit -Sn 900;');
// This process has as many.
for ($i = 0; $i < 1100; $i++) {
    $server->connect('/');
}
$client = $server->connect('/ask');
for ($i = 0; $i < 7; $i++) {
    echo $client->read(), "\n";
}
echo $server->stop();
?>
--EXPECT--
1101 clients, select: 1
proc_open: 1, 900
shell_exec: 900
exec: 900
popen: 900
fork: 900
the server: more
after: 900 900
