--TEST--
References, generators that go on and calls inside of calls: each event is read once, when it comes
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$payload = new class implements JsonSerializable {
    public function jsonSerialize(): mixed { $GLOBALS['name'] = 'changed'; $GLOBALS['payload'] = null; $GLOBALS['events'] = []; return 'given'; }
};
$name = 'before';
$events = [['event' => &$name, 'payload' => &$payload], ['event' => &$name, 'payload' => &$payload]];
$queue->publishAll($events);
foreach (take_events($directory)[1] as $event) {
    echo json_encode([$event['event'], $event['payload']]), "\n";
}

// A generator that uses the same object.
$outer = $queue->publishAll((function () use ($queue) {
    yield ['event' => 'outer 1'];
    $queue->publishAll((function () use ($queue) {
        yield ['event' => 'inner 1'];
        $queue->publish('alone', channel: 'c');
        yield ['event' => 'inner 2'];
    })());
    yield ['event' => 'outer 2'];
})());
foreach (entries($directory) as $entry) {
    echo implode(', ', array_map(fn ($line) => json_decode($line)->event, explode("\n", trim($entry)))), "\n";
}
array_map(fn ($file) => unlink("$directory/$file"), array_keys(entries($directory)));

// The variable that the generator yields is another one when its payload is encoded.
$queue->publishAll((function () {
    $event = ['event' => 'e', 'payload' => new class($event) implements JsonSerializable {
        public function __construct(private &$event) {}
        public function jsonSerialize(): mixed { $this->event = null; return 'given'; }
    }, 'channel' => 'c'];
    yield $event;
    var_dump($event);
})());
echo json_encode(take_events($directory)[1][0]['channels']), "\n";
?>
--EXPECT--
["before","given"]
["changed",null]
alone
inner 1, inner 2
outer 1, outer 2
NULL
["c"]
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
