<?php
// Every feature of the event queue, step by step, on the command line.
//
//   php event_queue_example.php              in a new directory that is removed at the end
//   php event_queue_example.php /path/queue  in yours: run a broadcaster on it and watch the events arrive:
//                                            fastapi-broadcaster --queue /path/queue
//                                            fastapi-broadcaster listen ws://127.0.0.1:8081/

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketServer;

if (!extension_loaded('fastapi_websocket')) {
    fwrite(STDERR, "The extension fastapi_websocket is not loaded: php -d extension=/path/to/libfastapi_websocket.so ...\n");
    exit(1);
}

$isOurs = !isset($argv[1]);
$queue = $argv[1] ?? sys_get_temp_dir() . '/event-queue-example-' . bin2hex(random_bytes(6));

function step(string $title): void
{
    static $number = 0;
    printf("\n%d. %s\n", ++$number, $title);
}

function show(string $label, mixed $value): void
{
    printf("   %-34s %s\n", $label, is_string($value) ? $value : json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE));
}

/** Entries that wait, in the order in which they will be read: names sort by time. */
function waiting(string $queue): array
{
    $names = array_map('basename', glob("$queue/*.json") ?: []);
    sort($names);

    return $names;
}

step('Queue an event: the directory is created when it is missing');
show('queueEvent() returned', WebSocketServer::queueEvent($queue, 'order.created', ['id' => 7, 'total' => 19.90]));
show('directory', $queue);
show('its mode', sprintf('%o', fileperms($queue) & 07777));

step('What was queued: one file, complete from the moment it has its name');
// With a broadcaster on this directory the file may be gone already: it deletes what it has sent.
foreach (waiting($queue) as $name) {
    show('entry', $name);
    show('content', (string) @file_get_contents("$queue/$name"));
}

step('A payload is anything that json_encode() takes, and clients receive exactly its bytes');

enum Status: string
{
    case Paid = 'paid';
}

final class Money implements JsonSerializable
{
    public function __construct(private int $cents)
    {
    }

    public function jsonSerialize(): mixed
    {
        return sprintf('%.2f', $this->cents / 100);
    }
}

$payloads = [
    'nothing' => null,
    'a number' => 42,
    'a text' => 'Zoë ordered tea ☕',
    'a list' => [1, 2, 3],
    'an object' => (object) ['empty' => (object) []],
    'an enum' => Status::Paid,
    'JsonSerializable' => new Money(1990),
];
foreach ($payloads as $label => $payload) {
    show($label, WebSocketServer::queueEvent($queue, 'payload.kinds', $payload) ? json_encode($payload) : 'refused');
}

step('Named arguments, a payload left out, a name that is an enum');
show('named arguments', WebSocketServer::queueEvent(queuePath: $queue, event: 'named', payload: ['works' => true]));
show('no payload means null', WebSocketServer::queueEvent($queue, 'heartbeat'));
show('enum as name', WebSocketServer::queueEvent($queue, Status::Paid, ['id' => 7]));

step('Order: events of one process arrive in the order of the calls');
$before = waiting($queue);
for ($number = 1; $number <= 100; $number++) {
    WebSocketServer::queueEvent($queue, 'counted', $number);
}
$numbers = [];
foreach (array_diff(waiting($queue), $before) as $name) {
    // Null if a broadcaster has just sent and deleted it.
    $entry = json_decode((string) @file_get_contents("$queue/$name"), true);
    if ($entry !== null) {
        $numbers[] = $entry['payload'];
    }
}
$sorted = $numbers;
sort($sorted);
show('100 events in order', $numbers === $sorted);

step('Failures: false, nothing is written, lastError() says why; no warning and no exception');
$recursive = [];
$recursive['self'] = &$recursive;
foreach ([
    'not UTF-8' => [$queue, 'refused', "\xff"],
    'not a number' => [$queue, 'refused', NAN],
    'refers to itself' => [$queue, 'refused', $recursive],
    'too large' => [$queue, 'refused', str_repeat('x', 2 << 20)],
    'a name that is no text' => [$queue, ['refused'], null],
    'no directory can be there' => ['/dev/null/queue', 'refused', null],
] as $label => $arguments) {
    $queued = WebSocketServer::queueEvent(...$arguments);
    show($label, $queued ? 'queued?!' : (string) WebSocketServer::lastError());
}
WebSocketServer::queueEvent($queue, 'accepted.again');
show('after a success lastError() is', WebSocketServer::lastError());

step('The largest event is a setting');
ini_set('fastapi_websocket.max_event_bytes', '200');
show('201 bytes with a limit of 200', WebSocketServer::queueEvent($queue, 'large', str_repeat('x', 150)));
ini_set('fastapi_websocket.max_event_bytes', '1M');
show('the same with a limit of 1M', WebSocketServer::queueEvent($queue, 'large', str_repeat('x', 150)));

step('Durability: what a power failure may take');
foreach (['none', 'data', 'full'] as $level) {
    ini_set('fastapi_websocket.fsync', $level);
    $began = hrtime(true);
    WebSocketServer::queueEvent($queue, 'durable', $level);
    show("fsync = $level", sprintf('%.3f ms', (hrtime(true) - $began) / 1e6));
}

step('Producers without the extension: a JSON file with these keys, written under another name and renamed');
$entry = ['event' => 'from.elsewhere', 'payload' => ['by' => 'file_put_contents'], 'timestamp' => time(), 'queued_at' => microtime(true)];
file_put_contents("$queue/.example", json_encode($entry));
// A file whose name begins with a dot is not an entry. The rename makes it a complete entry at once.
rename("$queue/.example", sprintf('%s/%.6f_%s.json', $queue, microtime(true), uniqid()));
show('queued by rename()', true);

step('What is left');
show('entries that wait for a broadcaster', count(waiting($queue)));
if ($isOurs) {
    array_map('unlink', glob("$queue/*.json") ?: []);
    rmdir($queue);
    show('removed', $queue);
}
echo "\nDone.\n";
