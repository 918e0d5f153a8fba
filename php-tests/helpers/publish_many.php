<?php
// Publishes many events in every way that EventQueue has, with calls in between that must fail, and makes tokens; run by
// php-tests/valgrind. Prints how much memory the process has more in its second half, which must be nothing that grows.
//
//   php publish_many.php DIRECTORY COUNT

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\QueueException;

class Throwing implements JsonSerializable
{
    public function jsonSerialize(): mixed
    {
        throw new DomainException('thrown');
    }
}

class Name
{
    public function __construct(private string $name) {}

    public function __toString(): string
    {
        return $this->name;
    }
}

[, $directory, $count] = $argv;
$queue = new EventQueue($directory);
$secret = str_repeat('s', 32);
$recursive = new stdClass;
$recursive->self = $recursive;
$too_large = str_repeat('x', 2 << 20);
$names = array_map(fn ($i) => "channel.$i", range(1, 100));
set_error_handler(fn () => true);

// Each publishes one event.
$ways = [
    fn ($i) => $queue->publish("e.$i", ['i' => $i, 'text' => 'é/', 'float' => $i / 7]),
    fn ($i) => $queue->publish(new Name("e.$i"), $i, new Name('c'), '7', 'low', 1.5, new Name('1.2')),
    fn ($i) => $queue->publish('e', $names, $names, key: "k.$i"),
    fn ($i) => $queue->publishAll([['event' => "e.$i", 'channel' => $names, 'except' => '1.2', 'priority' => 'high']]),
    fn ($i) => $queue->publishAll((fn () => yield ['event' => "e.$i", 'payload' => [$i]])()),
    fn ($i) => $queue->transaction(fn () => $queue->publish("e.$i", $i, ttl: 5)),
    function ($i) use ($queue) {
        $queue->begin();
        $queue->publish("e.$i", new ArrayObject([$i]), ["c.$i", "d.$i"], 9, 'low', 'k', '1.2');
        $queue->commit();
    },
    function ($i) use ($directory) {
        $own = new EventQueue($directory);
        $own->transaction(fn () => $own->publishAll(new ArrayObject([['event' => "e.$i"]])));
    },
];
// Each of these must throw, and publish nothing.
$failing = [
    fn () => $queue->publish('e', NAN),
    fn () => $queue->publish("\xff", channel: 'c'),
    fn () => $queue->publish('e', $recursive, 'c'),
    fn () => $queue->publish('e', $too_large),
    fn () => $queue->publish('e', $too_large, 'c'),
    fn () => $queue->publish('e', new Throwing, $names, 1, 'low', 'k', '1.2'),
    fn () => $queue->publish('e', 1, [...$names, 'a b']),
    fn () => $queue->publish('e', 1, ['a b']),
    fn () => $queue->publish('e', 1, 'c', 0),
    fn () => $queue->publish('e', 1, 'c', priority: new Name('urgent')),
    fn () => $queue->publish('e', 1, key: str_repeat('k', 201)),
    fn () => $queue->publish([]),
    fn () => $queue->publish(),
    fn () => $queue->publishAll([['event' => 'e', 'channel' => $names], ['event' => 'e', 'payload' => new Throwing]]),
    fn () => $queue->publishAll([['event' => 'e'], ['even' => 'e']]),
    fn () => $queue->publishAll(array_fill(0, 1001, ['event' => 'e', 'channel' => ['c', 'd']])),
    fn () => $queue->publishAll((function () {
        yield ['event' => 'e', 'channel' => 'c'];
        throw new DomainException('thrown');
    })()),
    fn () => $queue->publishAll(7),
    fn () => $queue->commit(),
    fn () => $queue->transaction(function () use ($queue) {
        $queue->publish('e', 1, 'c');
        throw new DomainException('thrown');
    }),
    fn () => $queue->transaction(fn () => $queue->begin()),
    fn () => $queue->transaction('no function'),
    fn () => (new EventQueue('/dev/null'))->publish('e'),
    function () {
        $own = new EventQueue("a\0b");
        $own->transaction(fn () => $own->publish('e', 1, 'c'));
    },
    fn () => new EventQueue([]),
    function () use ($directory) {
        $own = new EventQueue($directory);
        $own->begin();
        $own->publish('e', ['x'], ['c', 'd'], key: 'k');
        // It is rolled back with a warning, while this is on its way.
        throw new DomainException('thrown');
    },
    fn () => AccessToken::create('short'),
    fn () => AccessToken::create($secret, '', ['a'], ['b*']),
    fn () => AccessToken::create($secret, 'u', ['a', 'a b'], ['b*'], 5, ['a' => 1]),
    fn () => AccessToken::create($secret, 'u', ['a'], ['b*'], 5, ['a' => new Throwing]),
];

$resident = function (): int {
    preg_match('/^RssAnon:\s+(\d+)/m', file_get_contents('/proc/self/status'), $match);
    return (int) $match[1];
};
$half = 0;
for ($i = 0; $i < $count; $i++) {
    $ways[$i % count($ways)]($i);
    try {
        $failing[$i % count($failing)]();
        fwrite(STDERR, 'a call that must fail did not: ' . $i % count($failing) . "\n");
        exit(1);
    } catch (QueueException | ValueError | TypeError | DomainException | LogicException) {
    }
    AccessToken::create($secret, "user.$i", ['a', 'b'], ['c*'], 60, ['i' => $i]);
    EventQueue::now();
    if ($i === intdiv($count, 2)) {
        $half = $resident();
    }
}
$grown = $resident() - $half;
// At its end PHP does not free values that refer to themselves.
unset($recursive->self);
echo "$count events published, $grown KiB more in the second half\n";
