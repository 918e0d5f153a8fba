--TEST--
Named arguments work in any order, extra arguments are ignored, missing ones throw
--EXTENSIONS--
fastapi_websocket
--FILE--
<?php
require __DIR__ . '/../helpers/functions.php';
use FASTAPI\WebSocket\WebSocketServer;

$directory = queue_directory(__FILE__);
var_dump(WebSocketServer::queueEvent(payload: 1, event: 'e', queuePath: $directory));
echo payload_bytes(take_entry($directory)), "\n";
var_dump(WebSocketServer::queueEvent($directory, event: 'e'));
echo payload_bytes(take_entry($directory)), "\n";
var_dump(WebSocketServer::queueEvent($directory, 'e', 3, 'extra', ['extra']));
echo payload_bytes(take_entry($directory)), "\n";
var_dump(WebSocketServer::queueEvent(...['event' => 'e', 'queuePath' => $directory, 'payload' => 4]));
echo payload_bytes(take_entry($directory)), "\n";
var_dump(WebSocketServer::lastError('extra'));

$calls = [
    fn () => WebSocketServer::queueEvent(),
    fn () => WebSocketServer::queueEvent($directory),
    fn () => WebSocketServer::queueEvent(queuePath: $directory, payload: 1),
    fn () => WebSocketServer::queueEvent($directory, 'e', unknown: 1),
    fn () => WebSocketServer::queueEvent($directory, 'e', event: 'twice'),
];
foreach ($calls as $call) {
    try {
        $call();
    } catch (Error $error) {
        echo get_class($error), ': ', message_of($error), "\n";
    }
}
echo count(entries($directory)), " files\n";
?>
--EXPECT--
bool(true)
1
bool(true)
null
bool(true)
3
bool(true)
4
NULL
ArgumentCountError: FASTAPI\WebSocket\WebSocketServer::queueEvent() expects at least 2 arguments, 0 given
ArgumentCountError: FASTAPI\WebSocket\WebSocketServer::queueEvent() expects at least 2 arguments, 1 given
ArgumentCountError: FASTAPI\WebSocket\WebSocketServer::queueEvent(): Argument #2 ($event) not passed
Error: Unknown named parameter $unknown
Error: Named parameter $event overwrites previous argument
0 files
--CLEAN--
<?php
require __DIR__ . '/../helpers/functions.php';
remove_directory(queue_directory(__FILE__));
?>
