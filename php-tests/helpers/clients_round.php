<?php
// The clients of one round of server_rounds.php: connects so many, exchanges messages with each, leaves in every way, and stops the
// server.
//
//   php clients_round.php ADDRESS CLIENTS

require __DIR__ . '/client.php';

[, $address, $count] = $argv;
$targets = ['/echo', '/brief', '/throw', '/timer', '/suspend', '/nested', '/generator', '/none', '/page'];
$clients = [];
for ($i = 0; $i < $count; $i++) {
    $target = $targets[$i % count($targets)];
    $clients[] = [$target, new Client($address, $target, [], 60)];
}
$all = new Client($address, '/all', [], 60);
foreach ($clients as $i => [$target, $client]) {
    $client->frame(str_repeat("message $i ", $i * 50), $i % 3 ? 'text' : 'binary');
    $client->send('{"event":"relayed","payload":{"i":1}}');
}
$received = 0;
foreach ($clients as $i => [$target, $client]) {
    // Each gets a message of its own or of the broadcast.
    $received += $client->read() !== '';
    match ($i % 4) {
        0, 1 => $client->frame(pack('n', 1000), 'close'),
        2 => $client->drop(),
        3 => null,
    };
}
(new Client($address, '/stop', [], 60))->readClose();
echo "$received of $count clients received\n";
exit($received === (int) $count ? 0 : 1);
