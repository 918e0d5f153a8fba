--TEST--
fastapi_websocket.queue = journal: every method appends records with uids; a batch is one record
--EXTENSIONS--
fastapi_websocket
--INI--
fastapi_websocket.queue=journal
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\WebSocketServer;

$directory = journal_queue(queue_directory(__FILE__));
$queue = new EventQueue($directory);
var_dump(WebSocketServer::queueEvent("$directory/", 'a/b', ["line\nfeed" => 1.5]), WebSocketServer::lastError());
$uids = [$queue->publish('plain'), $queue->publish('full', [1], ['c', 'd'], 60, EventQueue::LOW, 'key "1"', '1.2')];
array_push($uids, ...$queue->publishAll([['event' => 'one', 'priority' => EventQueue::LOW], ['event' => 'two', 'channel' => 'c', 'priority' => EventQueue::HIGH]]));
$queue->begin();
$queue->publish('three');
$queue->publish('four', channel: 'c');
array_push($uids, ...$queue->commit());
$uids[] = $queue->transaction(fn () => $queue->publish('five'));
$queue->publishAll([]);

$found = [];
foreach (records($directory) as [$suffix, $lines]) {
    foreach ($lines as &$line) {
        $found[] = $line['uid'];
        $times = abs($line['queued_at'] - microtime(true)) < 60 && $line['timestamp'] === (int) $line['queued_at'];
        $ttl = isset($line['expires_at']) ? round($line['expires_at'] - $line['queued_at'], 3) : null;
        $line = array_filter(['v' => $times ? $line['v'] : 'wrong times', 'ttl' => $ttl] + array_diff_key($line, array_flip(['uid', 'timestamp', 'queued_at', 'expires_at'])), fn ($value) => $value !== null);
    }
    echo $suffix, ' ', json_encode($lines), "\n";
}
var_dump(array_slice($found, 1) === $uids, is_uid($found[0]), event_files($directory));
foreach (glob("$directory/journal/*") as $segment) {
    printf("%o\n", fileperms($segment) & 07777);
}
?>
--EXPECT--
bool(true)
NULL
.seg [{"v":1,"event":"a\/b","payload":{"line\nfeed":1.5}}]
.seg [{"v":1,"event":"plain"}]
.low.seg [{"v":1,"ttl":60,"event":"full","payload":[1],"channels":["c","d"],"key":"key \"1\"","except":"1.2"}]
.high.seg [{"v":1,"event":"one"},{"v":1,"event":"two","channels":["c"]}]
.seg [{"v":1,"event":"three"},{"v":1,"event":"four","channels":["c"]}]
.seg [{"v":1,"event":"five"}]
bool(true)
bool(true)
array(0) {
}
640
640
640
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
