--TEST--
An error handler that throws at the warning: the event is a file by then, and the next one becomes one too
--EXTENSIONS--
fastapi_websocket
--INI--
fastapi_websocket.queue=journal
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;

$directory = queue_directory(__FILE__);
mkdir($directory);
set_error_handler(function ($level, $text) {
    throw new ErrorException(substr($text, 0, 88), 0, $level);
});
$queue = new EventQueue($directory);
print_thrown('first', fn () => $queue->publish('e', 1));
var_dump(count(event_files($directory)));
var_dump(is_uid($queue->publish('e', 2)), count(event_files($directory)));
?>
--EXPECT--
first: ErrorException: FASTAPI\WebSocket\EventQueue::publish(): fastapi_websocket.queue = journal has no effect
int(1)
bool(true)
int(2)
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
