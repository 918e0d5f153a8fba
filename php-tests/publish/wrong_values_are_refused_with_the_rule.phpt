--TEST--
A wrong channel, ttl, priority, key or client id is a ValueError that names the value and the rule, and nothing is written
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
$queue = new EventQueue($directory);
$publish = fn (string $label, mixed ...$arguments) => print_thrown($label, fn () => $queue->publish('e', ...$arguments));
foreach (['', 'a b', ' a', "a\n", 'é', "\xff", 'a*', 'a%2Fb', '#a', '#server-to-user-', "a\0", str_repeat('x', 201)] as $channel) {
    $publish('channel', channel: $channel);
}
$publish('empty list', channel: []);
$publish('long list', channel: array_fill(0, 101, 'a'));
$publish('a wrong one in a list', channel: ['a', 'b c']);
$publish('no string in a list', channel: ['a', 7]);
$publish('a list in a list', channel: [['a']]);
foreach ([0, -1, PHP_INT_MIN] as $ttl) {
    $publish('ttl', ttl: $ttl);
}
foreach (['', 'urgent', 'HIGH', "high\0"] as $priority) {
    $publish('priority', priority: $priority);
}
foreach (['', str_repeat('k', 201), "\xff"] as $key) {
    $publish('key', key: $key);
}
foreach (['', str_repeat('9', 65), "1.\xff"] as $except) {
    $publish('except', except: $except);
}
var_dump(file_exists($directory));
?>
--EXPECT--
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "a b" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, " a" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "a\n" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "é" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "\xff" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "a*" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "a%2Fb" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "#a" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "#server-to-user-" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "a\u0000" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
channel: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... (201 bytes) given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
empty list: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must name at least one channel (null is for every client), [] given
long list: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must name at most 100 channels, 101 given
a wrong one in a list: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be the name of a channel, "b c" given: a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /
no string in a list: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be a list of strings, int given in it
a list in a list: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #3 ($channel) must be a list of strings, array given in it
ttl: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #4 ($ttl) must be at least 1 (seconds), 0 given
ttl: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #4 ($ttl) must be at least 1 (seconds), -1 given
ttl: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #4 ($ttl) must be at least 1 (seconds), -9223372036854775808 given
priority: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #5 ($priority) must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or EventQueue::LOW ("low"), "" given
priority: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #5 ($priority) must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or EventQueue::LOW ("low"), "urgent" given
priority: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #5 ($priority) must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or EventQueue::LOW ("low"), "HIGH" given
priority: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #5 ($priority) must be EventQueue::HIGH ("high"), EventQueue::NORMAL ("normal") or EventQueue::LOW ("low"), "high\u0000" given
key: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #6 ($key) must have 1 to 200 bytes, 0 given
key: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #6 ($key) must have 1 to 200 bytes, 201 given
key: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #6 ($key) must be valid UTF-8, "\xff" given
except: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #7 ($except) must have 1 to 64 bytes, 0 given
except: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #7 ($except) must have 1 to 64 bytes, 65 given
except: ValueError: FASTAPI\WebSocket\EventQueue::publish(): Argument #7 ($except) must be valid UTF-8, "1.\xff" given
bool(false)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
