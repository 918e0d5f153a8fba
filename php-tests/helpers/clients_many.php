<?php
// Connects clients one after the other, a few at a time, to echo_server.php, and prints how much memory the server has after each
// tenth of them; run by php-tests/memory-server.
//
//   php clients_many.php ADDRESS CLIENTS SERVER_PID

require __DIR__ . '/client.php';

[, $address, $count, $pid] = $argv;
$resident = function () use ($pid) {
    preg_match('/^VmRSS:\s+(\d+) kB/m', file_get_contents("/proc/$pid/status"), $match);

    return (int) $match[1];
};
$measured = [];
for ($i = 1; $i <= $count; $i++) {
    $client = new Client($address, $i % 4 === 3 ? '/none' : '/');
    if ($i % 4 !== 3) {
        $client->frame("message $i");
        if ($client->read() !== "message $i") {
            exit(1);
        }
    }
    $i % 2 ? $client->close() : $client->drop();
    if ($i % intdiv($count, 10) === 0) {
        $measured[] = $resident();
        echo "$i connections: ", end($measured), " KiB\n";
    }
}
// The first tenth fills caches of the allocators.
$growth = end($measured) - $measured[0];
echo "growth: $growth KiB\n";
exit($growth < 1024 ? 0 : 1);
