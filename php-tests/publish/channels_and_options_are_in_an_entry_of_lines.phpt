--TEST--
An event with a channel, ttl, priority, key or except is one line of an entry that older readers leave alone
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$show = function (string $label, string $uid) use ($directory) {
    [$name, [$event]] = take_events($directory);
    $expires = isset($event['expires_at']) ? round($event['expires_at'] - $event['queued_at'], 3) : null;
    $is_now = abs(microtime(true) - $event['queued_at']) < 60 && $event['timestamp'] === (int) $event['queued_at'];
    $same = $event['uid'] === $uid && is_uid($uid) && is_uid(substr($name, 0, 36)) && $is_now;
    unset($event['uid'], $event['timestamp'], $event['queued_at'], $event['expires_at']);
    echo $label, ': ', substr($name, 36), ' ', json_encode($event, JSON_UNESCAPED_SLASHES), $expires === null ? '' : " expires after $expires s",
        $same ? '' : ' UID OR TIME IS WRONG', "\n";
};
$show('channel', $queue->publish('e', ['a' => 1], 'orders'));
$show('of a user', $queue->publish('e', channel: '#server-to-user-42'));
$show('list', $queue->publish('e', null, ['b', 'private-a.1', 'b', 'A_Z-0=9@,.;:/', 'private-a.1']));
$reference = 'referenced';
$show('keys of the list do not count', $queue->publish('e', channel: ['x' => 'one', 7 => &$reference]));
$show('ttl', $queue->publish('e', ttl: 90));
$show('high', $queue->publish('e', priority: EventQueue::HIGH));
$show('low', $queue->publish('e', channel: 'orders', priority: EventQueue::LOW));
$show('key', $queue->publish('e', key: "a \"key\" é\n"));
$show('except', $queue->publish('e', except: '81.7'));
$show('all', $queue->publish('e', [1], 'c', 1, 'high', 'k', '1.2'));
// The longest of all.
$names = array_map(fn ($i) => str_pad((string) $i, 200, 'x'), range(1, 100));
$queue->publish('e', 1, $names, key: str_repeat('k', 200), except: str_repeat('9', 64));
[, [$event]] = take_events($directory);
var_dump($event['channels'] === $names, $event['key'] === str_repeat('k', 200), $event['except'] === str_repeat('9', 64));
// The bytes of name and payload are those of json_encode().
$queue->publish("a/\u{e9}", $payload = ["\u{1F375}" => 1.0, 'x' => 1e25, 'y' => [[], new stdClass]], 'c');
echo str_contains(take_entry($directory), '"event":' . json_encode("a/\u{e9}") . ',"payload":' . json_encode($payload) . ',') ? "same bytes\n" : "other bytes\n";
?>
--EXPECT--
channel: .events {"v":1,"event":"e","payload":{"a":1},"channels":["orders"]}
of a user: .events {"v":1,"event":"e","payload":null,"channels":["#server-to-user-42"]}
list: .events {"v":1,"event":"e","payload":null,"channels":["b","private-a.1","A_Z-0=9@,.;:/"]}
keys of the list do not count: .events {"v":1,"event":"e","payload":null,"channels":["one","referenced"]}
ttl: .events {"v":1,"event":"e","payload":null,"channels":null} expires after 90 s
high: .high.events {"v":1,"event":"e","payload":null,"channels":null}
low: .low.events {"v":1,"event":"e","payload":null,"channels":["orders"]}
key: .events {"v":1,"event":"e","payload":null,"channels":null,"key":"a \"key\" \u00e9\n"}
except: .events {"v":1,"event":"e","payload":null,"channels":null,"except":"81.7"}
all: .high.events {"v":1,"event":"e","payload":[1],"channels":["c"],"key":"k","except":"1.2"} expires after 1 s
bool(true)
bool(true)
bool(true)
same bytes
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
