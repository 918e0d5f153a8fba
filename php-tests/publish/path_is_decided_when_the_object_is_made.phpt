--TEST--
Null and the empty path are the directory of the setting, a relative path is one of the current directory, when the object is made
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
mkdir("$directory/relative", recursive: true);
mkdir("$directory/elsewhere");
print_thrown('nothing set', fn () => (new EventQueue)->publish('e'));
set_setting('path', "$directory/set");
$unset = [new EventQueue, new EventQueue(null), new EventQueue(''), new EventQueue(path: null)];
set_setting('path', "$directory/later");
chdir("$directory/relative");
$relative = new EventQueue('queue/\\');
chdir("$directory/elsewhere");
foreach ([...$unset, $relative] as $queue) {
    $queue->publish('e');
}
echo count(entries("$directory/set")), ' ', count(entries("$directory/relative/queue")), ' ', json_encode(file_exists("$directory/later")), "\n";

// What the script may write to is checked at each call.
$inside = new EventQueue("$directory/set");
$outside = new EventQueue("$directory/outside");
ini_set('open_basedir', "$directory/set");
$inside->publish('e');
print_thrown('outside', fn () => $outside->publish('e'), $directory);
print_thrown('outside, with a channel', fn () => $outside->publish('e', channel: 'c'), $directory);
$outside->begin();
$outside->publish('e');
print_thrown('outside, committed', fn () => $outside->commit(), $directory);
?>
--EXPECT--
nothing set: FASTAPI\WebSocket\QueueException: the queue path is empty
4 1 false
outside: FASTAPI\WebSocket\QueueException: the queue path DIRECTORY/outside is outside of open_basedir
outside, with a channel: FASTAPI\WebSocket\QueueException: the queue path DIRECTORY/outside is outside of open_basedir
outside, committed: FASTAPI\WebSocket\QueueException: the queue path DIRECTORY/outside is outside of open_basedir
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
