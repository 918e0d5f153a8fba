--TEST--
Where link() and posix functions are turned off, as hosts do, files get their names by rename() and errors have fewer words
--INI--
disable_functions=link,posix_geteuid,posix_strerror,posix_getegid
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
var_dump(function_exists('link'));
$queue = new EventQueue("$directory/queue");
$uid = $queue->publish('e', 1);
echo implode(array_keys(entries("$directory/queue"))) === "$uid.json" ? 'named' : 'not named', ' ', payload_bytes(take_entry("$directory/queue")), "\n";
$queue->transaction(fn () => $queue->publishAll([['event' => 'e'], ['event' => 'e', 'channel' => 'c']]));
echo count(take_events("$directory/queue")[1]), ' ', count(entries("$directory/queue")), "\n";
printf("%o\n", fileperms("$directory/queue") & 07777);
print_refusal('error', '/dev/null', 'e');
?>
--EXPECT--
bool(false)
named 1
2 0
2770
error: false, cannot write to the queue directory /dev/null: Not a directory (os error 20)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
