<?php
// A web request that publishes in every way, and then ends as the query says: with an open transaction, by exit(), by a fatal
// error. Prints the worker's process id and how many events wait in its own queue.

declare(strict_types=1);

use FASTAPI\WebSocket\AccessToken;
use FASTAPI\WebSocket\EventQueue;

$directory = dirname($_SERVER['ORDERS_FILE'] ?? getenv('ORDERS_FILE')) . '/own-queue';
$queue = new EventQueue($directory);
header('Content-Type: text/plain');
try {
    $queue->commit();
    echo 'the transaction of another request, ';
} catch (LogicException) {
}
$uids = [
    $queue->publish('plain', $_GET),
    $queue->publish('channel', $_GET, 'orders', ttl: 60, priority: EventQueue::HIGH, key: 'k', except: '1.2'),
    ...$queue->publishAll([['event' => 'batch', 'channel' => ['a', 'b']], ['event' => 'batch']]),
    $queue->transaction(fn () => $queue->publish('transaction')),
];
AccessToken::create(str_repeat('s', 32), '42', ['private-user.42'], ['*'], 60, ['name' => 'Zoë']);
$events = 0;
foreach (glob("$directory/*") as $file) {
    $events += str_ends_with($file, '.json') ? 1 : count(file($file));
    unlink($file);
}
echo getmypid(), ' ', count(array_unique($uids)), " uids, $events events\n";

$queue->begin();
$queue->publish('lost', channel: 'c');
match ($_GET['end'] ?? 'commit') {
    'commit' => $queue->rollback(),
    'open' => null,
    'exit' => exit("exit\n"),
    'fatal' => $queue->publish('lost', new class implements JsonSerializable {
        public function jsonSerialize(): mixed
        {
            ini_set('memory_limit', '16M');

            return str_repeat('x', 100 << 20);
        }
    }),
};
