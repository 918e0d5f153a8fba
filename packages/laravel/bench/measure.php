<?php

// Starts a site and a server for Pusher's library, sends the site requests that broadcast by one driver and by the
// other in turn, and prints how long broadcast() took in them.
//
//     php FLAGS bench/measure.php ROUNDS FLAGS

declare(strict_types=1);

use FASTAPI\WebSocket\Laravel\Tests\Support\Site;
use FASTAPI\WebSocket\Laravel\Tests\Support\TemporaryDirectory;
use FASTAPI\WebSocket\Laravel\Tests\Support\Waiting;

require __DIR__ . '/../tests/bootstrap.php';

// Requests that fill the caches first.
const WARM_UP = 20;

$rounds = (int) $argv[1];
$flags = array_slice($argv, 2);

/** Starts a program, which ends with this one. Returns it with its standard output. */
function start(array $command, array $variables = []): array
{
    array_unshift($command, 'setpriv', '--pdeathsig', 'TERM');
    $files = [['file', '/dev/null', 'r'], ['pipe', 'w'], ['file', '/dev/null', 'w']];
    $process = proc_open($command, $files, $pipes, env_vars: $variables + getenv());

    return [$process, $pipes[1]];
}

function free_port(): int
{
    $socket = stream_socket_server('tcp://127.0.0.1:0');

    return (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
}

/** @return list<int> Nanoseconds of the first broadcast() of a request, of the second, and of the driver alone. */
function measured(int $port, string $driver): array
{
    $content = file_get_contents("http://127.0.0.1:$port/measure?driver=" . urlencode($driver));

    return json_decode($content, flags: JSON_THROW_ON_ERROR);
}

/** @param list<int> $times */
function described(array $times): array
{
    sort($times);
    $at = static fn (float $part): float => $times[(int) floor((count($times) - 1) * $part)] / 1000;

    return [$at(0.5), $at(0.95)];
}

[$server, $output] = start([PHP_BINARY, '-n', __DIR__ . '/server.php']);
$serverPort = (int) fgets($output);

$directory = new TemporaryDirectory();
mkdir("$directory->path/queue");
Site::lay($directory, ['queue' => "$directory->path/queue", 'key' => Site::KEY, 'secret' => Site::SECRET], [
    'pusher' => [
        'driver' => 'pusher',
        'key' => Site::KEY,
        'secret' => Site::SECRET,
        'app_id' => '1',
        'options' => ['host' => '127.0.0.1', 'port' => $serverPort, 'scheme' => 'http', 'useTLS' => false],
    ],
]);
// It empties the queue as in production, and lets PHP use the journal.
[$broadcaster] = start(
    [getenv('FASTAPI_BROADCASTER'), '--queue', "$directory->path/queue", '--listen', '127.0.0.1:0']
);
Waiting::until('the broadcaster reads', static fn (): bool => file_exists("$directory->path/queue/.reader"));
$port = free_port();
[$site] = start(
    [PHP_BINARY, ...$flags, '-S', "127.0.0.1:$port", __DIR__ . '/site.php'],
    ['BENCH_SITE' => $directory->path]
);
Waiting::until('the site answers', static function () use ($port): bool {
    try {
        return stream_socket_client("tcp://127.0.0.1:$port") !== false;
    } catch (ErrorException) {
        return false;
    }
});

// Laravel's driver `null` does nothing: it shows what Laravel itself takes.
$times = array_fill_keys(['null', 'fastapi', 'fastapi journal', 'pusher'], [[], [], []]);
for ($round = -WARM_UP; $round < $rounds; $round++) {
    foreach (array_keys($times) as $driver) {
        foreach (measured($port, $driver) as $place => $nanoseconds) {
            if ($round >= 0) {
                $times[$driver][$place][] = $nanoseconds;
            }
        }
    }
}
proc_terminate($site);
proc_terminate($server);
proc_terminate($broadcaster);

echo "broadcast() in a request, $rounds requests of each driver in turn, microseconds\n";
foreach (['first of a request', 'second', 'driver alone'] as $place => $label) {
    printf('%-20s', $label);
    foreach (array_keys($times) as $driver) {
        printf('%s: median %6.1f, p95 %6.1f   ', $driver, ...described($times[$driver][$place]));
    }
    [[$nothing], [$files], [$journal], [$theirs]] = array_map(described(...), array_column(array_values($times), $place));
    foreach (['files' => $files, 'journal' => $journal] as $form => $ours) {
        $without = ($theirs - $nothing) / ($ours - $nothing);
        printf('%s: %.1f times, without Laravel\'s part %.1f   ', $form, $theirs / $ours, $without);
    }
    echo "\n";
}
