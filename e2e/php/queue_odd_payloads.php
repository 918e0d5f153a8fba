<?php
// Queues payloads that an encoder could get wrong, and prints each as json_encode writes it: queue_odd_payloads.php QUEUE.

declare(strict_types=1);

use FASTAPI\WebSocket\WebSocketServer;

enum Suit: string
{
    case Hearts = 'hearts/♥';
}

final class Money implements JsonSerializable
{
    public function __construct(private int $cents)
    {
    }

    public function jsonSerialize(): mixed
    {
        return ['cents' => $this->cents, 'text' => $this->cents / 100];
    }
}

$object = new stdClass();
$object->{''} = 'empty key';
$object->{'0'} = 'numeric key';

$payloads = [
    null, true, 0, -1, PHP_INT_MAX, PHP_INT_MIN, 0.1 + 0.2, 1.0, -0.0, 1e100, 5e-324, M_PI,
    '', 'a/b', "quote \" backslash \\ tab \t newline \n null \0 delete \x7f", 'Árvíztűrő tükörfúrógép', "\u{1F375}", "\u{2028}\u{2029}",
    '<script>alert("&\'")</script>', '{"not":"parsed"}', str_repeat('ű', 50_000),
    [], new stdClass(), [[]], [1 => 'a'], ['a', 'b'], ['list' => [1, 2, [3, ['deep' => null]]]], $object,
    Suit::Hearts, new Money(1999), new ArrayObject(['a' => 1]), new DateTimeImmutable('2024-02-29 12:00:00 UTC'),
    ['event' => 'not the name', 'payload' => 1, 'timestamp' => 'not the time'],
    array_reduce(range(1, 200), fn ($inner) => [$inner], 'bottom'),
];

foreach ([-1, 17, 4] as $precision) {
    ini_set('serialize_precision', (string) $precision);
    foreach ($payloads as $payload) {
        WebSocketServer::queueEvent(queuePath: $argv[1], event: 'odd', payload: $payload)
            || exit(WebSocketServer::lastError());
        echo json_encode($payload), "\n";
    }
}
