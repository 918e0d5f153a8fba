--TEST--
The broadcaster delivers what was queued, in order and to its channels, and takes a token
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
require __DIR__ . '/../helpers/client.php';
use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
mkdir($directory);
$secret = bin2hex(random_bytes(16));
file_put_contents("$directory/secret", $secret);
chmod("$directory/secret", 0600);
$program = getenv('FASTAPI_BROADCASTER');
$token = AccessToken::create($secret, 'Zoë', ['private-a', 'b'], ['c.*', 'everybody'], 60, ['name' => 'Zoë/']);

$check = [$program, 'token', 'check', '--token-secret-file', "$directory/secret", '-'];
$process = proc_open($check, [['pipe', 'r'], ['file', "$directory/claims", 'w'], ['redirect', 1]], $pipes);
fwrite($pipes[0], $token);
fclose($pipes[0]);
echo 'token check: ', proc_close($process), "\n";
foreach (['Zo', 'private-a', 'c.*'] as $claim) {
    var_dump(str_contains(file_get_contents("$directory/claims"), $claim));
}

$queue = new EventQueue("$directory/queue");
$queue->publish('first', ['n' => 1]);
$command = ['setpriv', '--pdeathsig', 'TERM', $program, '--queue', "$directory/queue", '--listen', '127.0.0.1:0',
    '--token-secret-file', "$directory/secret", '--public-channels', 'b'];
$process = proc_open($command, [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['pipe', 'w']], $pipes);
for ($log = ''; preg_match('/listening address=(\S+)/', $log, $match) !== 1;) {
    $log .= $line = fgets($pipes[2]) ?: exit("the broadcaster has ended: $log");
}
// It is read before anybody is there.
while (glob("$directory/queue/*.{json,events}", GLOB_BRACE) !== []) {
    usleep(1000);
}
$client = new Client($match[1], "/?everybody=1", ["Authorization: Bearer $token"]);
$welcome = json_decode($client->read(), true);
echo implode(' ', $welcome['channels']), "\n";
$queue->publish('once', key: 'k');
$queue->publish('repeated', key: 'k');
WebSocketServer::queueEvent("$directory/queue", 'everybody', ['zoë' => 1.5]);
$queue->publish('private', 'p', 'private-a', 60);
$queue->publish('nobody', 'p', 'private-other');
$queue->transaction(function () use ($queue) {
    $queue->publish('one', null, ['b', 'private-a']);
    $queue->publishAll([['event' => 'two', 'channel' => 'b'], ['event' => 'three', 'priority' => 'low', 'payload' => 'é/']]);
});
for ($events = 0; $events < 6; $events += isset($event['event'])) {
    $event = json_decode($client->read(), true);
    if (isset($event['event'])) {
        echo $event['channel'] ?? 'everybody', ': ', $event['event'], ' ', json_encode($event['payload']), "\n";
    }
}
proc_terminate($process);
proc_close($process);
echo count(array_filter(scandir("$directory/queue"), fn ($name) => $name[0] !== '.' && is_file("$directory/queue/$name"))), " entries are left\n";
?>
--EXPECT--
token check: 0
bool(true)
bool(true)
bool(true)
private-a b
everybody: once null
everybody: everybody {"zo\u00eb":1.5}
private-a: private "p"
b: one null
b: two null
everybody: three "\u00e9\/"
0 entries are left
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
