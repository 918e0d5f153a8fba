--TEST--
What queueEvent() refuses is a QueueException with the text that lastError() gives; lastError() itself does not change
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\EventQueue;
use FASTAPI\WebSocket\QueueException;
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
$recursive = new stdClass;
$recursive->self = $recursive;
$cases = [
    'empty path' => ['', 'e', 1], 'NUL in the path' => ["a\0b", 'e', 1], 'URL' => ['http://localhost/queue', 'e', 1],
    'no directory' => ['/dev/null', 'e', 1], 'cannot be created' => ['/proc/self/queue', 'e', 1], 'long path' => [str_repeat('x', 5000), 'e', 1],
    'NAN' => [$directory, 'e', NAN], 'no UTF-8' => [$directory, 'e', "\xff"], 'resource' => [$directory, 'e', STDIN],
    'recursion' => [$directory, 'e', $recursive], 'name without UTF-8' => [$directory, "\xff", 1],
    'too large' => [$directory, 'e', str_repeat('x', 2 << 20)],
];
foreach ($cases as $label => [$path, $event, $payload]) {
    WebSocketServer::queueEvent($path, $event, $payload);
    $expected = WebSocketServer::lastError();
    foreach ([[], ['channel' => 'c']] as $more) {
        try {
            echo (new EventQueue($path))->publish($event, $payload, ...$more), "\n";
        } catch (QueueException $exception) {
            $reason = $exception->getMessage();
            // The envelope of an event with a channel is larger.
            $reason = $more ? preg_replace('/takes \d+ bytes/', 'takes 2097229 bytes', $reason) : $reason;
            $known = $more ? preg_replace('/takes \d+ bytes/', 'takes 2097229 bytes', $expected) : $expected;
            echo $label, ': ', $reason === $known ? 'the same' : "$reason / $known", "\n";
        }
    }
    if (WebSocketServer::lastError() !== $expected) {
        echo "lastError() has changed\n";
    }
}
var_dump(file_exists($directory), $exception instanceof RuntimeException, $exception->getPrevious(), $exception->getCode());
echo get_parent_class($exception), "\n";

// Names of events with options have a bound of their own.
print_thrown('long name', fn () => (new EventQueue($directory))->publish(str_repeat('x', 2000), channel: 'c'), $directory);
print_thrown('many channels of a large event', fn () => (new EventQueue($directory))->publish('e', str_repeat('x', 900_000), ['a', 'b', 'c', 'd', 'e']), $directory);
WebSocketServer::queueEvent($directory, 'e');
$queue = new EventQueue($directory);
$queue->publish('e');
unset($recursive->self);
?>
--EXPECT--
empty path: the same
empty path: the same
NUL in the path: the same
NUL in the path: the same
URL: the same
URL: the same
no directory: the same
no directory: the same
cannot be created: the same
cannot be created: the same
long path: the same
long path: the same
NAN: the same
NAN: the same
no UTF-8: the same
no UTF-8: the same
resource: the same
resource: the same
recursion: the same
recursion: the same
name without UTF-8: the same
name without UTF-8: the same
too large: the same
too large: the same
bool(false)
bool(true)
NULL
int(0)
RuntimeException
long name: FASTAPI\WebSocket\QueueException: the name of the event, as JSON, has 2002 bytes, and may have 2 to 1024
many channels of a large event: FASTAPI\WebSocket\QueueException: the entry takes 900164 bytes, times 5 channels more than the limit of 4194304 bytes: queue fewer events at once, or give them fewer channels, or set a higher fastapi_websocket.max_event_bytes
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
